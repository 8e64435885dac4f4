import Foundation
import JSON
import Testing
import WhatsAppSimulator

/// Media of numbers, and uploads in parts for samples of templates.
struct UploadTests {
    private static func begin(_ stage: ManagementStage, length: Int) async throws -> String {
        let path = "/v23.0/670843887433847/uploads?file_name=a.png&file_length=\(length)&file_type=image/png"
        return try #require(try await stage.caller.call(.POST, path).json["id"]?.stringValue)
    }

    private static func write(_ stage: ManagementStage, _ id: String, _ text: String, offset: Int) async throws
        -> Caller.Answer
    {
        let headers = ["authorization": "OAuth token", "file_offset": "\(offset)"]
        return try await stage.caller.call(.POST, "/v23.0/\(id)", text, headers: headers)
    }

    @Test func anUploadGoesOnAndItsHandleIsASample() async throws {
        try await ManagementStage.with { stage in
            let id = try await Self.begin(stage, length: 10)
            #expect(id.hasPrefix("upload:") && id.contains("?sig="))
            #expect(try await Self.write(stage, id, "01234", offset: 0).json["h"] == nil)
            #expect(try await stage.read(id)["file_offset"] == 5)
            #expect(try await Self.write(stage, id, "56789", offset: 0).status == 400)
            let handle = try #require(try await Self.write(stage, id, "56789", offset: 5).json["h"]?.stringValue)
            #expect(handle.hasPrefix("4:"))
            let header = #"{"type":"HEADER","format":"IMAGE","example":{"header_handle":["\#(handle)"]}}"#
            let body = ManagementStage.body("Hi, we are open.")
            let answer = try await stage.create(ManagementStage.template("offer", "\(header),\(body)"))
            let template = try #require(answer.json["id"]?.stringValue, "\(answer.text)")
            let read = try await stage.read(template)["components"]?[0]?["example"]?["header_handle"]?[0]?.stringValue
            let address = try #require(read)
            let file = try await stage.caller.call(.GET, address.replacing(stage.caller.base, with: ""))
            #expect(file.text == "0123456789")
            stage.simulator.advanceClock(by: .seconds(3_600))
            let later = try await stage.read(template)["components"]?[0]?["example"]?["header_handle"]?[0]?.stringValue
            #expect(later != nil && later != address)
            let image = #"{"type":"header","parameters":[{"type":"image","image":{"link":"https://a.example/a.png"}}]}"#
            #expect(try await stage.send("offer", components: image).status == 200)
            #expect(try await stage.send("offer").code == 132_012)
        }
    }

    @Test func uploadsAreChecked() async throws {
        try await ManagementStage.with { stage in
            let path = "/v23.0/5/uploads?file_name=a.gif&file_length=1&file_type=image/gif"
            #expect(try await stage.caller.call(.POST, path).status == 400)
            #expect(try await stage.caller.call(.POST, path, headers: [:]).code == 190)
            #expect(try await stage.caller.call(.GET, "/v23.0/upload:unknown?sig=1").status == 400)
            let id = try await Self.begin(stage, length: 2)
            #expect(try await Self.write(stage, id, "123", offset: 0).status == 400)
        }
    }

    @Test func mediaLiveThirtyDaysAtTheirNumber() async throws {
        try await ManagementStage.with { stage in
            func form(_ type: String) -> String {
                "--b\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--b\r\n"
                    + "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: \(type)\r\n\r\n"
                    + "12345\r\n--b--\r\n"
            }
            let headers = ["authorization": "Bearer token", "content-type": "multipart/form-data; boundary=b"]
            let upload = { try await stage.caller.call(.POST, "/v23.0/1/media", form($0), headers: headers) }
            #expect(try await upload("image/gif").status == 400)
            let id = try #require(try await upload("image/png").json["id"]?.stringValue)
            #expect(try await stage.caller.call(.GET, "/v23.0/\(id)?phone_number_id=2").status == 400)
            let item = try await stage.caller.call(.GET, "/v23.0/\(id)?phone_number_id=1").json
            #expect(item["file_size"] == "5")
            #expect(try await stage.caller.call(.DELETE, "/v23.0/\(id)?phone_number_id=2").status == 400)
            stage.simulator.advanceClock(by: .seconds(31 * 86_400))
            #expect(try await stage.caller.call(.DELETE, "/v23.0/\(id)").status == 400)
            let other = try #require(try await upload("image/png").json["id"]?.stringValue)
            #expect(try await stage.caller.call(.DELETE, "/v23.0/\(other)").json == ["success": true])
            let calls = stage.simulator.managementCalls.map(\.operation)
            #expect(calls.filter { $0.hasPrefix("media.") }.count == 6)
        }
    }
}
