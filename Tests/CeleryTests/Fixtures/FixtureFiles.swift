import CeleryProtocol
import CeleryTesting

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The captured messages and results of this repository.
enum FixtureFiles {
    /// The repository's folder of fixtures, found from this file's own place.
    private static let folder = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined() + "/Fixtures"

    /// The files of a topic, one for each version of Celery.
    static func paths(_ topic: String) throws -> [String] {
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(topic)")
        return files.filter { $0.hasSuffix(".json") }.sorted().map { "\(folder)/\(topic)/\($0)" }
    }

    /// All fixtures of a topic.
    static func all(_ topic: String) throws -> [Fixture] {
        try paths(topic).flatMap { try Fixture.load(contentsOf: $0) }
    }

    /// All captured results of a topic: name, bytes as stored or sent, and what Python made of them.
    static func results(_ topic: String) throws -> [(name: String, raw: [UInt8], expected: JSONObject)] {
        var found: [(String, [UInt8], JSONObject)] = []
        for path in try paths(topic) {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
            for value in try JSONValue(json: bytes).objectValue?["cases"]?.arrayValue ?? [] {
                guard let entry = value.objectValue, let name = entry["name"]?.stringValue,
                    let expected = entry["expect"]?.objectValue, expected["status"] != nil
                else { continue }
                if let body = entry["body"]?.stringValue {
                    found.append((name, Array(body.utf8), expected))
                } else if let raw = entry["raw"]?.stringValue {
                    let isEnvelope = topic == "rpc-results-redis"
                    let bytes = isEnvelope ? try KombuEnvelope.decode(Array(raw.utf8)).body : Array(raw.utf8)
                    found.append((name, bytes, expected))
                }
            }
        }
        return found
    }
}
