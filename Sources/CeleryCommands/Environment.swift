#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The environment variables of this process.
enum Environment {
    static var variables: [String: String] { ProcessInfo.processInfo.environment }

    static subscript(name: String) -> String? { variables[name] }
}
