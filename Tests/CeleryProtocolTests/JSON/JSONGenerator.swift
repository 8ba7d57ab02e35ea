import CeleryProtocol

/// Random JSON values that can be made again from the same seed.
struct JSONGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    mutating func value(depth: Int = 0) -> JSONValue {
        if depth < 5, below(10) < 4 {
            if below(2) == 0 { return .array((0..<below(6)).map { _ in value(depth: depth + 1) }) }
            var object = JSONObject()
            for _ in 0..<(below(100) == 0 ? 100 : below(6)) { object[key()] = value(depth: depth + 1) }
            return .object(object)
        }
        switch below(8) {
        case 0: return .null
        case 1: return .bool(below(2) == 0)
        case 2: return .integer(below(2000) - 1000)
        case 3: return .integer(Int(truncatingIfNeeded: next()))
        case 4: return .bigInteger((below(2) == 0 ? "-" : "") + "9" + String(next()) + String(next()))
        case 5: return .double(double())
        case 6 where below(4) == 0: return .surrogateString([0x61, 0xD800 + UInt16(below(0x800)), 0x27])
        default: return .string(string())
        }
    }

    mutating func key() -> String { below(2) == 0 ? "key\(below(50))" : string() }

    mutating func double() -> Double {
        switch below(4) {
        case 0: return Double(bitPattern: next())
        case 1: return Double(below(1_000_000)) / 100
        case 2: return Double(next() >> UInt64(below(64)))
        default:
            let edges = [
                0, -0.0, 1e16, 1e15, 1e-4, 9.9e-5, 1e22, 1e23, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
                .infinity, .nan,
            ]
            return edges[below(edges.count)]
        }
    }

    mutating func string() -> String {
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x7E, 0x20...0x7E, 0x20...0x7E, 0...0x1F, 0x22...0x27, 0x5C...0x5C, 0x7F...0xFF, 0x100...0x24F,
            0x370...0x3FF, 0x4E00...0x9FFF, 0xE000...0xE0FF, 0xFFF0...0xFFFF, 0x1F300...0x1F5FF, 0x10D800...0x10DFFE,
        ]
        var scalars = String.UnicodeScalarView()
        for _ in 0..<below(30) {
            let code = UInt32.random(in: ranges[below(ranges.count)], using: &self)
            if let scalar = Unicode.Scalar(code) { scalars.append(scalar) }
        }
        return String(scalars)
    }
}
