import CeleryProtocol
import CeleryTesting
import Foundation
import Testing

@testable import CeleryCommands

@Suite struct CaptureFileTests {
    private func withPath(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json").path
        defer { if FileManager.default.fileExists(atPath: path) { remove(path) } }
        try body(path)
    }

    private func entry(_ text: String) -> JSONObject { ["queue": "orders", "key": "orders", "raw": .string(text)] }

    @Test func itIsCompleteAtAnyTime() throws {
        try withPath { path in
            let file = try CaptureFile(path, replacing: false, about: ["queue": "orders"])
            // Nothing is made before there is something to write.
            #expect(!FileManager.default.fileExists(atPath: path))
            let envelope = #"{"headers": {"task": "shop.pay", "id": "1"}}"#
            for count in 1...3 {
                try file.append([entry(envelope)])
                #expect(try Fixture.load(contentsOf: path).count == count)
            }
            try file.append([entry("garbage"), entry("more")])
            try file.finish()
            #expect(
                try Fixture.load(contentsOf: path).map(\.name)
                    == ["shop.pay#0", "shop.pay#1", "shop.pay#2", "unreadable#3", "unreadable#4"])
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func anEmptyCaptureIsAFileToo() throws {
        try withPath { path in
            try CaptureFile(path, replacing: false, about: [:]).finish()
            #expect(try Fixture.load(contentsOf: path).isEmpty)
        }
    }

    @Test func whatIsThereIsReplacedOnDemandOnly() throws {
        try withPath { path in
            try Data("old and longer than what is written now".utf8).write(to: URL(filePath: path))
            #expect(throws: (any Error).self) { try CaptureFile(path, replacing: false, about: [:]) }
            try CaptureFile(path, replacing: true, about: [:]).finish()
            #expect(try Fixture.load(contentsOf: path).isEmpty)
        }
    }
}
