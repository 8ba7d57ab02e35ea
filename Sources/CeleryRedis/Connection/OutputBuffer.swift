/// What waits to be written. A block that went out in part is kept with how far it got: moving the rest to the front
/// each time would take as many copies as there are writes.
struct OutputBuffer: Sendable {
    private var begun: [UInt8] = []
    private var position = 0
    private var rest: [UInt8] = []

    var isEmpty: Bool { begun.isEmpty && rest.isEmpty }

    mutating func append(_ bytes: [UInt8]) {
        rest.append(contentsOf: bytes)
    }

    /// Takes out what is next, with the number of its bytes that are written already.
    mutating func take() -> (bytes: [UInt8], position: Int) {
        defer {
            if begun.isEmpty { rest = [] } else { begun = [] }
            position = 0
        }
        return begun.isEmpty ? (rest, 0) : (begun, position)
    }

    /// Gives back what was taken and is not written to its end; it is next again.
    mutating func giveBack(_ bytes: [UInt8], position: Int) {
        begun = bytes
        self.position = position
    }

    mutating func removeAll() {
        self = OutputBuffer()
    }
}
