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
            let file = try CaptureFile(path, replacing: true, about: [:])
            // What comes may not come.
            #expect(try String(contentsOfFile: path, encoding: .utf8).hasPrefix("old"))
            try file.finish()
            #expect(try Fixture.load(contentsOf: path).isEmpty)
        }
    }

    @Test func whatReplacesAFileIsForItsUserAlone() throws {
        try withPath { path in
            try Data("old".utf8).write(to: URL(filePath: path))
            chmod(path, 0o644)
            // Who has the old one open has nothing of the new one.
            let old = try #require(FileHandle(forReadingAtPath: path))
            let file = try CaptureFile(path, replacing: true, about: [:])
            try file.append([entry("garbage")])
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
            #expect(try old.readToEnd() == Data("old".utf8))
            try file.append([entry("more")])
            try file.finish()
            #expect(try Fixture.load(contentsOf: path).count == 2)
            let folder = URL(filePath: path).deletingLastPathComponent().path
            let name = URL(filePath: path).lastPathComponent
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix(name) } == [name])
        }
    }

    @Test func whatIsNoFileIsNotReplaced() {
        for path in ["/dev/null", FileManager.default.temporaryDirectory.path] {
            for isReplacing in [true, false] {
                #expect(throws: (any Error).self) { try CaptureFile(path, replacing: isReplacing, about: [:]) }
            }
        }
    }

    @Test func aFolderThatIsNotThereIsSaid() throws {
        let file = try CaptureFile("/nowhere/orders.json", replacing: false, about: [:])
        let error = #expect(throws: CaptureFile.WriteError.self) { try file.append([entry("garbage")]) }
        #expect(error?.description == "/nowhere/orders.json cannot be written: No such file or directory")
        #expect(file.count == 0)
    }
}
