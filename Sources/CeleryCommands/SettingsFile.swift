internal import ArgumentParser
internal import CeleryProtocol
internal import Yams

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A file of settings by Celery's lower-case names: JSON, or YAML by its name.
enum SettingsFile {
    /// - Throws: `ValidationError`, which names the file but shows nothing of it: it may hold passwords.
    static func read(_ path: String) throws -> JSONObject {
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw ValidationError("--config: \(path) cannot be read")
        }
        let isYAML = path.hasSuffix(".yaml") || path.hasSuffix(".yml")
        let value: JSONValue
        do {
            value = isYAML ? try yaml(String(decoding: bytes, as: UTF8.self)) : try JSONValue(json: bytes)
        } catch let error as YamlError {
            throw ValidationError("--config: \(path) is no YAML\(place(of: error))")
        } catch let error as NotPlain {
            throw ValidationError("--config: \(path) \(error.reason)")
        } catch {
            throw ValidationError("--config: \(path) is no JSON: \(error)")
        }
        guard let settings = value.objectValue else {
            throw ValidationError("--config: \(path) holds no table of settings")
        }
        return settings
    }

    /// What YAML can hold and settings cannot.
    private struct NotPlain: Error {
        let reason: String
    }

    private static func yaml(_ text: String) throws -> JSONValue {
        guard let node = try Yams.compose(yaml: text) else { return [:] }
        return try value(node)
    }

    private static func value(_ node: Node) throws -> JSONValue {
        switch node {
        case .sequence(let nodes): return .array(try nodes.map(value))
        case .mapping(let pairs):
            var object: JSONObject = [:]
            for (key, node) in pairs {
                guard let key = key.scalar?.string else { throw NotPlain(reason: "has a name that is no text") }
                guard object[key] == nil else { throw NotPlain(reason: "names \(LogText(key)) twice") }
                object[key] = try value(node)
            }
            return .object(object)
        case .scalar(let scalar):
            switch Tag.Name(rawValue: node.tag.description) {
            case .null: return .null
            case .bool: return Bool.construct(from: scalar).map { .bool($0) } ?? .string(scalar.string)
            case .int: return Int.construct(from: scalar).map { .integer($0) } ?? .string(scalar.string)
            case .float: return Double.construct(from: scalar).map { .double($0) } ?? .string(scalar.string)
            default: return .string(scalar.string)
            }
        case .alias: throw NotPlain(reason: "has an alias that stands for nothing")
        }
    }

    private static func place(of error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ", line \(mark.line): \(problem)"
        default: ""
        }
    }
}
