package import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// An address, and what Celery makes of it; see `Fixtures/README.md`.
package struct CapturedURL: Sendable, CustomStringConvertible {
    package let role: String
    package let url: String
    /// The parameters of the connection; `nil` when Celery refuses the address.
    package let parameters: JSONObject?

    package var description: String { "\(role) \(url)" }

    /// Those of a role whose scheme is one of these.
    package static func all(_ role: String, schemes: [String]) throws -> [CapturedURL] {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: root + "/Fixtures/urls/celery-5.7.0.json")))
        let cases = try JSONValue(json: bytes).objectValue?["cases"]?.arrayValue ?? []
        return cases.compactMap { $0.objectValue }.compactMap { entry in
            guard let url = entry["url"]?.stringValue, url.contains("://"), entry["role"]?.stringValue == role else {
                return nil
            }
            let scheme = url.prefix { $0 != ":" }.lowercased().filter { !$0.isWhitespace }
            guard schemes.contains(scheme) else { return nil }
            return CapturedURL(role: role, url: url, parameters: entry["expect"]?.objectValue)
        }
    }
}
