extension FieldReader {
    mutating func timeZone(_ key: String) -> ReadValue<String>? {
        string(key)
    }

    mutating func localTime(_ key: String) -> ReadValue<String>? {
        string(key)
    }

    mutating func cron(_ key: String) -> ReadValue<String>? {
        string(key)
    }
}
