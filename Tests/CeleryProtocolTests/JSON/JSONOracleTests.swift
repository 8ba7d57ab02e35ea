import CeleryProtocol
import Foundation
import Testing

private let oracleDirectory = ProcessInfo.processInfo.environment["SWIFT_CELERY_ORACLE"].map { URL(filePath: $0) }

/// The Swift side of `interop/checks/json_oracle.py`, which says where its files are.
@Suite("JSONOracle", .enabled(if: oracleDirectory != nil, "run by interop/test json"))
struct JSONOracleTests {
    @Test("What Python accepts is accepted and written back as Python writes it, and nothing else is accepted")
    func readsWhatPythonReads() throws {
        let directory = try #require(oracleDirectory)
        var differences = 0
        var documents = 0
        for line in try Data(contentsOf: directory.appending(path: "python.txt")).split(separator: UInt8(ascii: "\n")) {
            let fields = try line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
                .map { try Base64.decode($0) }
            let document = try #require(fields.first)
            let expected = fields.count > 1 ? fields[1] : nil
            let written: [UInt8]?
            do { written = try JSONValue(json: document).serialized() } catch { written = nil }
            documents += 1
            if written != expected {
                differences += 1
                if differences <= 10 {
                    Issue.record("\(text(document)): expected \(text(expected)), got \(text(written))")
                }
            }
        }
        #expect(differences == 0)
        #expect(documents > 0)
    }

    @Test("Documents are written for Python to judge")
    func writesForPython() throws {
        let directory = try #require(oracleDirectory)
        let order = try String(contentsOf: directory.appending(path: "order.txt"), encoding: .utf8)
            .split(separator: "\n")
        let seed = try #require(order.first.flatMap { UInt64($0) })
        let count = try #require(order.last.flatMap { Int($0) })
        var generator = JSONGenerator(seed: seed)
        var output: [UInt8] = []
        for _ in 0..<count {
            let elements = (0..<generator.below(6)).map { _ in generator.value(depth: 1) }
            let value = JSONValue.array(elements)
            output += Base64.encode(value.serialized()) + [UInt8(ascii: "\t")]
            output += Base64.encode(PythonRepr.repr(of: value).utf8) + [UInt8(ascii: "\t")]
            output += Base64.encode(PythonRepr.saferepr(arguments: elements, maximumLength: 200).utf8)
            output.append(UInt8(ascii: "\n"))
        }
        try Data(output).write(to: directory.appending(path: "swift.txt"))
    }

    private func text(_ bytes: [UInt8]?) -> String {
        guard let bytes else { return "an error" }
        return String(decoding: bytes.prefix(500), as: UTF8.self).debugDescription
    }
}
