extension DiagnosticCode {
    /// What the code is about, in a few words.
    public var title: String { texts.title }

    /// Why it is an error and how to get rid of it, in a few sentences.
    public var explanation: String { texts.explanation }

    private var texts: (title: String, explanation: String) {
        yamlTexts ?? documentTexts ?? allowTexts ?? timeTexts ?? startTexts ?? contentTexts
    }

    private var yamlTexts: (title: String, explanation: String)? {
        switch self {
        case .syntax:
            (
                "YAML syntax",
                "The text is not YAML. A value that starts with `{{`, `@` or `%`, or holds `: `, needs quotes."
            )
        case .encoding: ("text encoding", "Spec files are UTF-8 without control characters.")
        case .tab: ("tab", "YAML does not allow tabs as indentation, and editors show them differently. Use spaces.")
        case .duplicateKey:
            ("duplicate key", "A mapping names each key once; otherwise one of the values is silently lost.")
        case .mergeKey:
            ("merge key", "`<<` belongs to YAML 1.1. Write the fields out, or use an anchor for the whole value.")
        case .nonStringKey:
            ("key that is not a string", "Keys such as `1` or `true` are not strings in YAML. Put them in quotes.")
        case .unknownTag: ("unknown tag", "Only the tags of the core schema (`!!str`, `!!int`, …) are understood.")
        case .unknownAnchor: ("unknown anchor", "An alias `*x` needs an earlier `&x` in the same document.")
        case .tooLarge:
            ("too large", "A file has at most 1 MiB; a document at most 10,000 values, nested at most 64 deep.")
        case .ambiguousScalar:
            (
                "plain scalar that YAML 1.1 reads differently",
                "`no`, `on`, `08:30` and `2024-01-01` are strings here, but other tools may read a boolean, a number or a "
                    + "date. Quotes make it the same for all."
            )
        default: nil
        }
    }

    private var documentTexts: (title: String, explanation: String)? {
        switch self {
        case .unknownKind: ("unknown kind", "Each document starts with `kind:` and one of the known kinds.")
        case .unknownField:
            ("unknown field", "Only the fields of the kind are allowed, so that a typing error cannot pass unseen.")
        case .missingField: ("missing field", "The kind needs this field.")
        case .wrongType: ("wrong type", "The field takes another type of value.")
        case .invalidValue: ("value not allowed", "The value is outside of what the field takes.")
        case .invalidName:
            (
                "invalid name",
                "Names have 1 to 63 lower-case letters, digits and hyphens, and start with a letter or digit."
            )
        case .misplacedFile:
            ("file outside of a tenant", "Specs lie in `campaigns/<tenant>/`; the folder names the tenant.")
        case .literalSecret:
            (
                "secret in a spec",
                "A token in a file is known to everyone with access to the repository. Refer to it with `env:` or `file:`."
            )
        case .duplicateSpec: ("spec defined twice", "Tenant, kind and name together name one spec.")
        case .unknownReference: ("unknown reference", "The named spec does not exist in this tenant.")
        case .conflictingFields: ("fields that exclude each other", "Only one of these fields can be given.")
        case .unreadableFile: ("unreadable file", "The file or folder could not be read.")
        default: nil
        }
    }

    private var contentTexts: (title: String, explanation: String) {
        switch self {
        case .filterField:
            ("unknown filter field", "Audiences filter by the fields of a contact, and by `metadata.<key>`.")
        case .filterOperator: ("operator not allowed", "Each type of field has its own operators.")
        case .filterValue: ("filter value of the wrong type", "The value must fit the field and the operator.")
        case .placeholder:
            (
                "placeholder",
                "Placeholders are `{{name}}`, `{{metadata.company}}` or `{{context.amount}}`, with `|` before a default."
            )
        case .missingParameter:
            ("missing template parameter", "Each variable of the template needs a value in `params`.")
        case .superfluousParameter: ("parameter without a variable", "The template has no variable of this name.")
        case .templateLimit: ("limit of the WhatsApp API", "WhatsApp would refuse this template.")
        default:
            ("message payload", "The message must have the shape that the WhatsApp API takes, without a recipient.")
        }
    }
}
