/// A number on a command line. What is none, or lies outside of the range, is refused with the range; the parser names the
/// option. An option with a number takes whatever comes behind it: `-1` is no option's name.
enum NumberArgument {
    /// Why a number is refused.
    private struct OutOfRange: Error, CustomStringConvertible {
        let description: String
    }

    /// More seconds than this, some 292 years, no clock of nanoseconds holds.
    static let mostSeconds = 9_223_372_036.0

    /// A whole number.
    static func whole(_ range: ClosedRange<Int>) -> @Sendable (String) throws -> Int {
        { text in
            guard let number = Int(text), range.contains(number) else {
                throw OutOfRange(
                    description: "it must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }

    /// A number of seconds, zero or more.
    static func seconds(_ text: String) throws -> Double {
        guard let seconds = Double(text), (0...mostSeconds).contains(seconds) else {
            throw OutOfRange(description: "it must be a number of seconds from 0 to \(Int(mostSeconds))")
        }
        return seconds
    }

    /// A number of seconds above zero.
    static func positiveSeconds(upTo maximum: Double = mostSeconds) -> @Sendable (String) throws -> Double {
        { text in
            guard let seconds = Double(text), seconds > 0, seconds <= maximum else {
                throw OutOfRange(
                    description: "it must be a number of seconds greater than 0 and not above \(Int(maximum))")
            }
            return seconds
        }
    }
}
