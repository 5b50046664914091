//! Texts of a lab inside of markup. Nothing of a lab gets into a page or a drawing on another way.

use serde::Serialize;

/// A text as it stands between tags and in attributes of HTML and XML.
pub(crate) fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML has no way to write these, and text that turns direction could show another order.
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
                safe.push('\u{fffd}');
            }
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                safe.push('\u{fffd}');
            }
            letter => safe.push(letter),
        }
    }
    safe
}

/// Data as it stands inside of a script element: no letter of it can end the element.
pub(crate) fn json(data: &impl Serialize) -> String {
    let text = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{json, xml};

    #[test]
    fn markup_in_a_text_is_text() {
        assert_eq!(
            xml("</title><script>alert('x' && \"y\")</script>\u{0}\u{202e}"),
            "&lt;/title&gt;&lt;script&gt;alert(&#39;x&#39; &amp;&amp; &quot;y&quot;)&lt;/script&gt;\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn data_cannot_end_its_element() {
        let text = json(&"</script><!--\u{2028}&");
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        let back: String = serde_json::from_str(&text).unwrap();
        assert_eq!(back, "</script><!--\u{2028}&");
    }
}
