import SpecSamples

/// What inputs are made from.
enum FuzzSeeds {
    /// Specs of all kinds, and filters as the API takes them.
    static let specs = SpecSamples.specs + SpecSamples.filters

    /// What has a meaning somewhere.
    static let tokens = [
        "\n", "\t", " ", "  ", "{", "}", "[", "]", ":", ": ", ",", "- ", "#", "|", ">", "&a ", "*a", "!", "!!str ",
        "!<",
        "'", "\"", "\\", "%", "@", "`", "? ", "--- ", "\n---\n", "\n...\n", "<<: ", "{{", "}}", "|x", "~", "null",
        "true",
        "-1", "1e999", ".nan", "0x7f", "99999999999999999999", "\u{FEFF}", "\u{85}", "\u{2028}", "é", "😀", "\u{301}",
        "*/5", "L", "15W", "FRI#5", "@daily", "2026-02-29", "-9999999999999w", "metadata.", "env:", "file:/", "kind: ",
        "name: ", "not: ", "conditions: ", "# allow C010: x\n", "EAAabcdefghijklmnopqrstuvwxyz", "accessToken: ",
    ]
}
