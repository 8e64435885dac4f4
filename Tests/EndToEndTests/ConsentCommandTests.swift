import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// `campaignd contacts suppress`, `unsuppress`, `suppressed`, `consent` and `import --allow-opt-in`.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct ConsentCommandTests {
    @Test(.timeLimit(.minutes(2)))
    func peopleAreOptedOutListedAndOptedIn() async throws {
        try await Stage.with(contacts: 2, rate: 80) { stage in
            #expect(try await stage.contacts("suppressed").output == "no person of tenant test has opted out\n")
            let number = "+254 700-000 017"
            let out = try await stage.contacts("suppress", number, "US.17", "--reason", "wrote\u{1B}[31m")
            #expect(
                out.output == """
                    254700000017 has opted out of all messages
                    US.17 has opted out of all messages

                    """,
                "\(out.errors)"
            )
            let list = try await stage.contacts("suppressed").output.split(separator: "\n")
            #expect(list.count == 2 && list[0].hasPrefix("254700000017          all        20"), "\(list)")
            #expect(list[0].hasSuffix(" (command): wrote\u{FFFD}[31m"), "\(list)")

            let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }  // A folder left in /tmp is harmless.
            let file = folder.appending(path: "contacts.csv").path
            try "contactId,optedIn\n0700 000 017,yes\n".write(toFile: file, atomically: true, encoding: .utf8)
            let kept = try await stage.contacts("import", file, "--country", "KE")
            #expect(kept.output.contains("\n1 stays opted out: the file has no later `optedInAt`"), "\(kept.output)")
            let opted = try await stage.contacts("import", file, "--country", "KE", "--allow-opt-in")
            #expect(opted.output.contains("\n1 who had opted out was opted in again"), "\(opted.output)")

            let marketing = try await stage.contacts("suppress", number, "--level", "marketing")
            #expect(marketing.output == "254700000017 has opted out of marketing messages\n", "\(marketing.errors)")
            #expect(try await stage.contacts("unsuppress", number).exitCode == 64, "a reason is needed")
            let back = try await stage.contacts("unsuppress", number, "254711111111", "--reason", "signed a form")
            #expect(back.output == "254700000017 has not opted out\n254711111111 had not opted out\n", "\(back.errors)")
            let consent = try await stage.contacts("consent", "0700000017", "--country", "KE").output
            let lines = consent.split(separator: "\n")
            #expect(lines.count == 5 && lines[0] == "254700000017 has not opted out", "\(consent)")
            #expect(lines[1].contains("  in   all        command by ") && lines[1].hasSuffix(": signed a form"))
            #expect(lines[3].contains("  in   all        import by "), "\(consent)")
            let wrong = try await stage.contacts("suppress", "0700000017")
            #expect(wrong.exitCode == 64 && wrong.errors.contains("has no country code"), "\(wrong.errors)")
        }
    }
}

extension Stage {
    /// Runs a subcommand of `campaignd contacts` for the tenant of the stage.
    func contacts(_ arguments: String...) async throws -> ChildProcess.Outcome {
        try await Command.run("campaignd", ["contacts"] + arguments + ["--tenant", "test"], environment: environment)
    }
}
