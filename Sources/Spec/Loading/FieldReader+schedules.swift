internal import YAML

extension FieldReader {
    mutating func timeZone(_ key: String) -> ReadValue<String>? {
        string(key)
    }

    mutating func localTime(_ key: String) -> ReadValue<String>? {
        guard let read = node(key), let text = read.node.scalar?.text else { return nil }
        return ReadValue(value: text, node: read.node, field: read.field)
    }

    mutating func cron(_ key: String) -> ReadValue<String>? {
        string(key)
    }
}
