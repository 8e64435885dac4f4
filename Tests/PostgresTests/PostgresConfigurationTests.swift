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
        ("postgresql://ann@db/shop", true),
        ("postgresql://ann@db/shop?options=-cwork_mem%3D8MB", true),
        ("postgresql://ann@db/shop?options=-cjit%3Don", false),
        ("host=db options='-c jit=on'", false),
    ])
    func optionsOfTheConnectionStringOverrideSettings(_ text: String, _ isSet: Bool) throws {
        let configuration = try PostgresConfiguration(text).settingInSessions(["jit": "off"])
        #expect(
            configuration.settingExpressions(inTransaction: true) == (isSet ? ["set_config('jit', 'off', true)"] : [])
        )
        #expect(!configuration.parameters.contains { $0.value.contains("jit=off") }, "poolers refuse it")
    }

    @Test(
        arguments: [
            ("postgresql://ann@db/shop?prepared_statements=off", "postgresql://ann@db/shop", false),
            (
                "postgresql://ann@db/shop?prepared_statements=on&sslmode=require",
                "postgresql://ann@db/shop?sslmode=require", true
            ),
            (
                "postgresql://ann@db/shop?sslmode=require&prepared_statements=off&connect_timeout=3",
                "postgresql://ann@db/shop?sslmode=require&connect_timeout=3", false
            ),
            ("host=db prepared_statements=off dbname=shop", "host=db dbname=shop", false),
            ("host=db dbname=shop", "host=db dbname=shop", nil),
        ] as [(String, String, Bool?)]
    )
    func preparedStatementsAreASettingOfTheConnectionString(_ text: String, _ rest: String, _ value: Bool?) throws {
        let configuration = try PostgresConfiguration(text)
        #expect(configuration.preparesStatements == value)
        // The first is that of the defaults.
        #expect(configuration.parameters.first { $0.keyword == "dbname" }?.value == rest)
    }

    @Test(
        arguments: [
            ("postgresql://ann@db/shop?schema=acme", "postgresql://ann@db/shop", "acme", nil),
            (
                "postgresql://ann@db/shop?sslmode=require&schema=acme&prepared_statements=off",
                "postgresql://ann@db/shop?sslmode=require", "acme", nil
            ),
            ("host=db schema=acme dbname=shop", "host=db dbname=shop", "acme", nil),
            (
                "postgresql://ann@db/shop?options=-csearch_path%3Dacme%20-cjit%3Don",
                "postgresql://ann@db/shop?options=-csearch_path%3Dacme%20-cjit%3Don", "acme", " -cjit=on"
            ),
            (
                "postgresql://ann@db/shop?options=-csearch_path%3Dacme,public",
                "postgresql://ann@db/shop?options=-csearch_path%3Dacme,public", nil, nil
            ),
            ("postgresql://ann@db/shop", "postgresql://ann@db/shop", nil, nil),
        ] as [(String, String, String?, String?)]
    )
    func theSchemaIsASettingOfSessions(_ text: String, _ rest: String, _ schema: String?, _ options: String?) throws {
        let configuration = try PostgresConfiguration(text)
        #expect(configuration.schema == schema)
        #expect(configuration.parameters.first { $0.keyword == "dbname" }?.value == rest)
        #expect(configuration.parameters.last { $0.keyword == "options" }?.value == options, "poolers refuse the path")
        let path = schema.map { ["set_config('search_path', '\($0)', true)"] } ?? []
        #expect(configuration.settingExpressions(inTransaction: true) == path)
        let other = try PostgresConfiguration("postgresql://ann@db/shop")
        #expect(other.inSchema(of: configuration).schema == schema)
        #expect(configuration.inSchema(of: other).schema == schema)
    }

    @Test(arguments: [
        ("postgresql://db/shop?schema=Acme", "URL: schema is a name of at most 40 small letters"),
        ("postgresql://db/shop?schema=a'b", "URL: schema is a name of at most 40 small letters"),
        ("postgresql://db/shop?schema=pg_temp", "URL: schema is a name of at most 40 small letters"),
        ("postgresql://db/shop?schema=", "URL: schema is a name of at most 40 small letters"),
        ("postgresql://db/shop?schema=a&options=-csearch_path%3Db", "URL has a schema and a search_path"),
    ])
    func otherNamesOfSchemasAreRefused(_ text: String, _ message: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(text, variable: "URL") }
        #expect(error?.description.hasPrefix(message) == true)
    }

    @Test(arguments: ["postgresql://ann@db/shop?prepared_statements=maybe", "host=db prepared_statements="])
    func otherValuesOfPreparedStatementsAreRefused(_ text: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(text, variable: "URL") }
        #expect(error?.description == "URL: prepared_statements is on or off, or left out to find out")
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
