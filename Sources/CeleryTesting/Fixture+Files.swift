internal import CeleryProtocol

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension Fixture {
    /// Why a file of fixtures cannot be read.
    public struct LoadingError: Error, Sendable, CustomStringConvertible {
        /// One line that names the file and the fault.
        public let description: String
    }

    /// Loads a file of fixtures; see ``Fixture`` for what is in it.
    ///
    /// - Throws: ``LoadingError`` when the file cannot be read or has another form.
    public static func load(contentsOf path: String) throws -> [Fixture] {
        try load(contentsOf: URL(filePath: path))
    }

    /// Loads a file of fixtures by its URL, such as that of a test bundle's resource:
    /// `Bundle.module.url(forResource: "orders", withExtension: "json")`.
    ///
    /// - Throws: ``LoadingError`` when the file cannot be read or has another form. A URL of the network is not loaded.
    public static func load(contentsOf url: URL) throws -> [Fixture] {
        guard url.isFileURL else { throw LoadingError(description: "\(url.absoluteString) is no file") }
        let path = url.path(percentEncoded: false)
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: url))
        } catch {
            let error = error as? CocoaError
            if error?.code == .fileReadNoSuchFile { throw LoadingError(description: "there is no file \(path)") }
            let reason = (error?.userInfo["NSUnderlyingError"] as? POSIXError).map {
                String(cString: strerror($0.code.rawValue))
            }
            throw LoadingError(description: "\(path) cannot be read" + (reason.map { ": \($0)" } ?? ""))
        }
        let cases: [JSONValue]?
        do {
            cases = try JSONValue(json: bytes).objectValue?["cases"]?.arrayValue
        } catch {
            throw LoadingError(description: "\(path) is no JSON: \(error)")
        }
        guard let cases else { throw LoadingError(description: "\(path): there are no cases in it") }
        return try cases.enumerated().map { number, value in
            guard let details = value.objectValue, let fixture = Fixture(details) else {
                throw LoadingError(
                    description: "\(path): case \(number) has neither a raw message nor a body that can be read")
            }
            return fixture
        }
    }
}

extension Collection<Fixture> {
    /// Writes a file of fixtures, one a line; see ``Fixture`` for what is in it.
    ///
    /// - Parameters:
    ///   - path: the file's path.
    ///   - replacing: whether a file that is there already is replaced.
    /// - Throws: what the file system says against it.
    public func write(to path: String, replacing: Bool = false) throws {
        try write(to: URL(filePath: path), replacing: replacing)
    }

    /// Writes a file of fixtures, one a line; see ``Fixture`` for what is in it.
    ///
    /// - Parameters:
    ///   - url: the file's URL.
    ///   - replacing: whether a file that is there already is replaced.
    /// - Throws: what the file system says against it.
    public func write(to url: URL, replacing: Bool = false) throws {
        var bytes = FixtureText.beginning([:])
        for (number, fixture) in enumerated() {
            bytes += FixtureText.separator(before: number) + fixture.details.serialized()
        }
        bytes += FixtureText.end
        try Data(bytes).write(to: url, options: replacing ? .atomic : .withoutOverwriting)
    }
}
