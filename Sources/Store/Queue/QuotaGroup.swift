/// The names of quota groups: specs have the name alone, rows and Redis have `tenant/name`.
///
/// The default group is the phone number and is the same in both, because all tenants that use a number share its quota.
public enum QuotaGroup {
    /// Returns the name of a group in rows and in Redis.
    public static func stored(_ name: String, tenant: String, phoneNumberID: String) -> String {
        name == phoneNumberID ? name : "\(tenant)/\(name)"
    }

    /// Returns the name of a stored group as the specs of its tenant have it.
    public static func name(of stored: String, tenant: String) -> String {
        let prefix = "\(tenant)/"
        return stored.hasPrefix(prefix) ? String(stored.dropFirst(prefix.count)) : stored
    }
}
