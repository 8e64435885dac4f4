import Redis

/// The Lua scripts of the lanes, embedded from `Queue/Scripts/*.lua`.
///
/// Each says for itself what it does.
enum LaneScripts {
    static let reserve = script("reserve", PackageResources.reserve_lua)
    static let fire = script("fire", PackageResources.fire_lua)
    static let mark = script("mark", PackageResources.mark_lua)
    static let settle = script("settle", PackageResources.settle_lua)
    static let push = script("push", PackageResources.push_lua)
    static let pause = script("pause", PackageResources.pause_lua)
    static let recover = script("recover", PackageResources.recover_lua)
    static let rebuild = script("rebuild", PackageResources.rebuild_lua)

    private static func script(_ name: String, _ source: [UInt8]) -> RedisScript {
        RedisScript(name: name, source: String(decoding: source, as: UTF8.self))
    }
}
