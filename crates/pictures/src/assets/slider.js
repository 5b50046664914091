
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("moments").textContent);
  const slider = document.getElementById("time");
  const shown = document.getElementById("shown");
  const says = document.getElementById("says");
  const earlier = document.getElementById("earlier");
  const later = document.getElementById("later");
  const parts = [...document.querySelectorAll("[data-part]")];
  const things = [...document.querySelectorAll("[data-thing]")];
  const events = [...document.querySelectorAll("[data-from]")];
  const last = data.steps.length - 1;

  const show = () => {
    const at = Number(slider.value);
    const step = data.steps[at];
    for (const part of parts) {
      const state = step.states[Number(part.dataset.part)];
      const kept = part.getAttribute("class").split(" ").slice(0, 2);
      part.setAttribute("class", [...kept, data.words[state]].join(" "));
      const mark = part.querySelector(".mark");
      if (mark) mark.textContent = data.marks[state];
    }
    for (const thing of things) {
      const state = step.things[Number(thing.dataset.thing)];
      thing.textContent = data.meanings[state];
    }
    for (const event of events) {
      const begun = step.at !== null && step.at >= Number(event.dataset.from);
      const over = begun && step.at > Number(event.dataset.to);
      event.setAttribute("class", over ? "past" : begun ? "now" : "");
    }
    shown.textContent = step.label;
    says.textContent = step.says;
    slider.setAttribute("aria-valuetext", step.label + ": " + step.says);
    earlier.disabled = at === 0;
    later.disabled = at === last;
  };
  const go = (by) => {
    slider.value = String(Number(slider.value) + by);
    show();
  };

  slider.addEventListener("input", show);
  earlier.addEventListener("click", () => go(-1));
  later.addEventListener("click", () => go(1));
  document.getElementById("controls").hidden = false;
  show();
})();
