import Testing

@testable import Postgres

struct PostgresConfigurationTests {
    @Test(arguments: [
        ("", "DATABASE_URL is empty; write it like postgresql://user:password@localhost:5432/campaigns"),
        (
            "mysql://root:secret@db/x",
            "DATABASE_URL is not a Postgres connection string; "
                + "write it like postgresql://user:password@localhost:5432/campaigns"
        ),
        (
            "postgresql://u:secret@[::1/x",
            "DATABASE_URL is not a Postgres connection string: end of string reached when looking for matching \"…\" "
                + "in IPv6 host address in URI: \"…\"; "
                + "write it like postgresql://user:password@localhost:5432/campaigns"
        ),
        (
            "host=localhost pasword=secret",
            "DATABASE_URL is not a Postgres connection string: invalid connection option \"pasword\"; "
                + "write it like postgresql://user:password@localhost:5432/campaigns"
        ),
    ])
    func saysWhatIsWrongWithoutTheSecret(_ text: String, _ message: String) throws {
        let error = try #require(throws: PostgresError.self) { try PostgresConfiguration(text) }
        #expect(error.description == message)
        #expect(!error.description.contains("secret"))
    }

    @Test(arguments: [
        ("postgresql://ann:secret@db.example:5433/shop?sslmode=require", "postgresql://ann:•••@db.example:5433/shop"),
        ("postgres://ann@db/shop", "postgresql://ann@db/shop"),
        ("host=/var/run/postgresql dbname=shop password=secret", "postgresql:///var/run/postgresql/shop"),
    ])
    func describesTheServerWithoutThePassword(_ text: String, _ description: String) throws {
        #expect("\(try PostgresConfiguration(text))" == description)
    }

    @Test(arguments: [
        ("postgresql://ann@db/shop", "-c jit=off"),
        ("postgresql://ann@db/shop?options=-csearch_path%3Dcell", "-c jit=off -csearch_path=cell"),
        ("host=db options='-c work_mem=8MB'", "-c jit=off -c work_mem=8MB"),
    ])
    func addedOptionsComeBeforeThoseOfTheConnectionString(_ text: String, _ options: String) throws {
        let parameters = try PostgresConfiguration(text).addingOptions("-c jit=off").parameters
        #expect(parameters.last { $0.keyword == "options" }?.value == options)
    }

    @Test(.enabled(if: ScratchSchema.isAvailable))
    func connectionFailuresNameTheCauseAndNotThePassword() async throws {
        let configuration = try PostgresConfiguration("postgresql://nobody:secret@127.0.0.1:1/none")
        let error = try await #require(throws: PostgresError.self) {
            try await PostgresConnection.connect(configuration)
        }
        guard case .connection = error else { throw error }
        #expect(error.description.contains("Connection refused"))
        #expect(!error.description.contains("secret"))
        #expect(error.isTransient)
    }
}
