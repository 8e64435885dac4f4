import NIOHTTP1
import OneShotHTTP
import Settings
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Account

/// Samples behind links are read from the internet only.
struct PublicAddressTests {
    @Test(
        arguments: [
            ([8, 8, 8, 8], true), ([172, 15, 0, 1], true), ([172, 32, 0, 1], true), ([100, 128, 0, 1], true),
            ([0, 0, 0, 0], false), ([10, 1, 2, 3], false), ([127, 0, 0, 1], false), ([169, 254, 169, 254], false),
            ([172, 16, 0, 1], false), ([192, 168, 1, 1], false), ([100, 64, 0, 1], false), ([198, 18, 0, 1], false),
            ([224, 0, 0, 1], false), ([255, 255, 255, 255], false), ([], false),
            // 2606:4700::1, ::1, fe80::1, fd00::1, ::ffff:127.0.0.1, 2002:7f00:1::, 64:ff9b::10.0.0.1 and 64:ff9b::8.8.8.8.
            ([0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], true),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1], false),
            ([0x20, 0x02, 0x7F, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], false),
            ([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1], false),
            ([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8], true),
        ] as [([UInt8], Bool)]
    )
    func privateAddressesAreNone(bytes: [UInt8], isPublic: Bool) {
        #expect(PublicAddress.isPublic(bytes) == isPublic)
    }

    /// The number is 127.0.0.1, too.
    @Test(arguments: ["127.0.0.1", "localhost", "2130706433", "::1", "10.0.0.1"])
    func thisMachineIsRefusedUnderAnyName(host: String) async {
        await #expect(throws: PublicAddress.Refused(host: host)) { try await PublicAddress.address(of: host) }
    }

    @Test func aPublicAddressIsItself() async throws {
        #expect(try await PublicAddress.address(of: "8.8.8.8") == "8.8.8.8")
    }

    /// The answer of a server of this machine, such as its status, is not even asked for.
    @Test func noLinkIsReadFromThisMachineUnlessAVariableAllowsIt() async throws {
        try await Simulator.withRunning(configuration: SimulatorConfiguration(), logger: TestDatabase.logger) {
            simulator in
            let url = try #require(simulator.baseURL)
            let outbound = try OutboundSettings(Variables(["PRIVATE_LINKS": "on"]))
            for (settings, isRead) in [(OutboundSettings(), false), (outbound, true)] {
                let client = try GraphClient(url: url, outbound: settings)
                do {
                    let file = url + "/_simulator/summary"
                    let (status, _) = try await client.download(file, upTo: 100_000, within: .seconds(20))
                    #expect(isRead && status == .ok)
                } catch is PublicAddress.Refused {
                    #expect(!isRead)
                }
                await client.shutdown()
            }
        }
    }
}
