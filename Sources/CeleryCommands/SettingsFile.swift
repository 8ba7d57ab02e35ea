internal import ArgumentParser
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A file of settings by Celery's lower-case names, in JSON.
enum SettingsFile {
    /// - Throws: `ValidationError`, which names the file but shows nothing of it: it may hold passwords.
    static func read(_ path: String) throws -> JSONObject {
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw ValidationError("--config: \(path) cannot be read: it must be a file in JSON")
        }
        let value: JSONValue
        do {
            value = try JSONValue(json: bytes)
        } catch {
            throw ValidationError("--config: \(path) is no JSON: \(error)")
        }
        guard let settings = value.objectValue else {
            throw ValidationError("--config: \(path) holds no table of settings")
        }
        return settings
    }
}
