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
}
