#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Whether texts are coloured, and how.
struct TerminalStyle: Sendable {
    enum Color: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case blue = "34"
        case magenta = "35"
        case cyan = "36"
    }

    let isColored: Bool

    /// The style for what goes to a descriptor: coloured on a terminal, unless `--no-color`, `NO_COLOR` or the kind of the
    /// terminal speak against it, or where `FORCE_COLOR` asks for it.
    init(noColor: Bool, isTerminal: Bool, environment: (String) -> String? = { Environment[$0] }) {
        func has(_ name: String) -> Bool { environment(name).map { !$0.isEmpty } ?? false }
        if noColor || has("NO_COLOR") {
            isColored = false
        } else if let force = environment("FORCE_COLOR"), !force.isEmpty {
            isColored = force != "0"
        } else {
            isColored = isTerminal && has("TERM") && environment("TERM") != "dumb"
        }
    }

    /// The text in a colour.
    func callAsFunction(_ text: String, _ color: Color?) -> String {
        guard isColored, let color else { return text }
        return "\u{1b}[\(color.rawValue)m\(text)\u{1b}[0m"
    }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}
