internal import CeleryProtocol

/// What a worker says of its software.
enum SoftwareInfo {
    /// The operating system, as Python's `platform.system()` names it.
    static var system: String {
        #if os(Linux)
        "Linux"
        #elseif canImport(Darwin)
        "Darwin"
        #else
        "unknown"
        #endif
    }

    /// As events have it.
    static let fields: JSONObject = [
        "sw_ident": "swift-celery", "sw_ver": .string(celeryVersion), "sw_sys": .string(system),
    ]
}
