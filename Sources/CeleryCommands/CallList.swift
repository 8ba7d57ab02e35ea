internal import ArgumentParser
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The arguments of many calls of one task, a line for each: a JSON array of positional ones or a JSON object of keyword
/// ones.
enum CallList {
    /// The arguments of one call.
    struct Call: Equatable {
        let arguments: [JSONValue]
        let keywords: JSONObject
    }

    /// Reads a file, `-` for standard input.
    ///
    /// - Parameter keywords: the keyword arguments of each call, unless its line says otherwise.
    /// - Throws: `ValidationError`, which names the line.
    static func read(_ path: String, keywords: JSONObject) throws -> [Call] {
        if path == "-" { return try calls(AnyIterator { readLine() }, keywords: keywords) }
        let text: String
        do {
            text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        } catch {
            throw ValidationError("--each: \(path) cannot be read: it must be a text file in UTF-8")
        }
        return try calls(text.split(separator: "\n", omittingEmptySubsequences: false), keywords: keywords)
    }

    /// - Parameter lines: the lines; those without anything on them are none.
    static func calls(_ lines: some Sequence<some StringProtocol>, keywords: JSONObject) throws -> [Call] {
        var calls: [Call] = []
        for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
            let value: JSONValue
            do {
                value = try JSONValue(json: String(line))
            } catch {
                throw ValidationError("--each: line \(index + 1) is not JSON: \(error)")
            }
            switch value {
            case .array(let arguments): calls.append(Call(arguments: arguments, keywords: keywords))
            case .object(let own):
                var all = keywords
                all.update(own)
                calls.append(Call(arguments: [], keywords: all))
            default:
                throw ValidationError("--each: line \(index + 1) is neither a JSON array nor a JSON object")
            }
        }
        if calls.isEmpty { throw ValidationError("--each: there is nothing to send: it holds no line") }
        return calls
    }
}
