/// The proxied connections of one daemon.
struct Links: Sendable {
    let redis: FaultProxy
    let postgres: FaultProxy
    let whatsApp: FaultProxy

    var all: [FaultProxy] { [redis, postgres, whatsApp] }
}
