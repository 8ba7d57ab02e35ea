/// Commands that are written together, in Redis's protocol.
///
/// The encoding is ours: hiredis would want an array of C pointers for each command and copy it twice.
struct RedisPipeline: Sendable {
    private(set) var bytes: [UInt8] = []
    /// How many replies the server will send.
    private(set) var count = 0

    init() {}

    /// One command of text arguments.
    init(_ arguments: String...) {
        begin(arguments.count)
        for argument in arguments { add(argument) }
    }

    /// Starts a command of so many arguments, its name included; each is then given to `add`.
    mutating func begin(_ arguments: Int) {
        count += 1
        addLength(UInt8(ascii: "*"), arguments)
    }

    /// Adds a whole command of text arguments.
    mutating func append(_ arguments: String...) {
        begin(arguments.count)
        for argument in arguments { add(argument) }
    }

    /// Adds a `SET`.
    ///
    /// - Parameter life: after how many seconds the key goes away; 0 for never.
    mutating func set(_ key: String, _ value: [UInt8], life: Int) {
        begin(life == 0 ? 3 : 5)
        add("SET")
        add(key)
        add(value)
        guard life > 0 else { return }
        add("EX")
        add(String(life))
    }

    mutating func add(_ argument: some StringProtocol) {
        addLength(UInt8(ascii: "$"), argument.utf8.count)
        bytes.append(contentsOf: argument.utf8)
        endLine()
    }

    mutating func add(_ argument: [UInt8]) {
        addLength(UInt8(ascii: "$"), argument.count)
        bytes.append(contentsOf: argument)
        endLine()
    }

    /// Adds the commands of another pipeline.
    mutating func append(_ other: RedisPipeline) {
        bytes.append(contentsOf: other.bytes)
        count += other.count
    }

    private mutating func addLength(_ mark: UInt8, _ length: Int) {
        bytes.append(mark)
        if length < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(length))
        } else {
            bytes.append(contentsOf: String(length).utf8)
        }
        endLine()
    }

    private mutating func endLine() {
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }
}
