//! What the codes mean that are found elsewhere: by reading the file (`F…`), by the catalog when it
//! expands a lab (`S110` to `S112`), and by what this version carries out (`U…`).

use model::diagnostic::Severity;

use crate::Explanation;

const fn form(code: &'static str, title: &'static str, text: &'static str) -> Explanation {
    Explanation {
        code,
        title,
        text,
        sees: "The text of the lab file.",
        severity: Severity::Error,
    }
}

/// Those that stand before the rules.
pub(crate) const FORM: &[Explanation] = &[
    form(
        "F001",
        "A lab file has a bounded size.",
        "A lab is a few kilobytes. A file of more than a mebibyte or 50,000 lines is not one, and is not read further.",
    ),
    form(
        "F002",
        "A lab file is plain UTF-8 text.",
        "NUL, control characters and bytes that are no UTF-8 come from another kind of file or from a broken one. They are refused with their place.",
    ),
    form(
        "F003",
        "A lab file is one document.",
        "The line --- begins a second YAML document. A lab is one; parts of it may stand in several files of one folder.",
    ),
    form(
        "F004",
        "A lab file is YAML.",
        "The text breaks YAML's rules at that place. Often a bracket or an indentation is missing a few lines before.",
    ),
    form(
        "F005",
        "A lab file is not nested or filled without end.",
        "More than 64 levels, or tens of thousands of values, are no lab. The bound keeps a hostile file from using up memory and time.",
    ),
    form(
        "F006",
        "A lab file has no anchors, aliases, tags or merges.",
        "They make a file say something else than it seems to, and a few lines of them expand to gigabytes. What would be repeated has a field that states it once.",
    ),
    form(
        "F007",
        "Names of fields are plain text.",
        "A list or a map cannot be the name of a field.",
    ),
    form(
        "F008",
        "A lab file is a map of fields.",
        "It begins with lab: NAME; its sections follow.",
    ),
    form(
        "F009",
        "Everything is declared once.",
        "The same name twice, in one file or in two of a folder: which one counts would be a guess.",
    ),
    form(
        "F010",
        "A lab has a name.",
        "Nodes, networks and files on the hosts carry it.",
    ),
    form(
        "F011",
        "Sections are maps of names, or lists.",
        "Most sections name their entries; firewall, promises and accepts are lists.",
    ),
    form(
        "F012",
        "Names are lower-case letters, digits and hyphens, at most 63.",
        "Names become names of hosts, nodes and objects in Kubernetes, which allow no more (RFC 1123).",
    ),
    form(
        "F013",
        "Every field exists.",
        "A field that is misspelt would be silently without effect, so unknown fields are errors. docs/lab-file.md lists them all.",
    ),
    form(
        "F015",
        "Required fields are there.",
        "The field has no value that would be right for most, so it must be written.",
    ),
    form(
        "F016",
        "Values are of the kind that their field wants.",
        "An address, a range, an amount of memory or a length of time is written in one way; the finding shows an example.",
    ),
    form(
        "F017",
        "Of several kinds, one that exists is named.",
        "Where a field chooses between kinds, such as a distribution, exactly one known kind stands there, with its settings where it has some.",
    ),
    form(
        "F018",
        "A map, a list and a single value stand where they belong.",
        "The field wants one of them, and another one stands there.",
    ),
    form(
        "F019",
        "There is more to find than is told.",
        "At most a hundred findings are told at once. Mend these first, then check again.",
    ),
    form(
        "F020",
        "A section has a bounded number of entries.",
        "What follows from a lab grows with the square of its parts. Larger labs are several labs.",
    ),
    form(
        "F021",
        "The format of the file is known.",
        "A newer version of Steading may write a newer format. Older formats are read.",
    ),
];

/// Those that stand after the rules.
pub(crate) const LATER: &[Explanation] = &[
    Explanation {
        code: "S110",
        title: "Settings exist and fit.",
        text: "A setting of a component or an app is one that its entry in the catalog names, of the type that it wants. Others would be without effect.",
        sees: "Entries of the catalog that this version carries out. Settings of others are taken as they are.",
        severity: Severity::Error,
    },
    Explanation {
        code: "S111",
        title: "Manifests can be read.",
        text: "A manifest is YAML of Kubernetes objects, each with apiVersion, kind and metadata.name. What cannot be read cannot be applied, and is told before anything is.",
        sees: "Manifests in the lab's folder and the catalog's own.",
        severity: Severity::Error,
    },
    Explanation {
        code: "S112",
        title: "There are node programs for the Kubernetes version.",
        text: "Steading builds or fetches kubelet, kubeadm and the others for the versions that its catalog lists with their checksums. Nothing unpinned runs.",
        sees: "The catalog of this version.",
        severity: Severity::Error,
    },
    Explanation {
        code: "U001",
        title: "What is declared is carried out.",
        text: "The lab file has room for more than this version of Steading makes. check looks at all of it; plan and up name what they cannot do and begin nothing, because half a lab is not what was declared.",
        sees: "The lab file.",
        severity: Severity::Error,
    },
];
