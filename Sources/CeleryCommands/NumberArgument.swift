internal import CeleryProtocol

/// A number on a command line. What is none, or lies outside of the range, is refused with the range; the parser names the
/// option. An option with a number takes whatever comes behind it: `-1` is no option's name.
enum NumberArgument {
    /// Why a number is refused.
    private struct OutOfRange: Error, CustomStringConvertible {
        let description: String
    }

    /// More than this, some 292 years, no clock of nanoseconds holds.
    static let longest = Duration.seconds(9_223_372_036)

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
    static func seconds(_ text: String) throws -> Duration {
        guard let duration = Double(text).flatMap(Duration.init(seconds:)), (.zero...longest).contains(duration) else {
            throw OutOfRange(description: "it must be a number of seconds from 0 to \(longest.components.seconds)")
        }
        return duration
    }

    /// A number of seconds above zero.
    static func positiveSeconds(upTo maximum: Duration = longest) -> @Sendable (String) throws -> Duration {
        { text in
            guard let duration = Double(text).flatMap(Duration.init(seconds:)), duration > .zero, duration <= maximum
            else {
                throw OutOfRange(
                    description:
                        "it must be a number of seconds greater than 0 and not above \(maximum.components.seconds)")
            }
            return duration
        }
    }
}
