/// The types of values in AMQP's tables, by the letters that RabbitMQ uses.
package enum AMQPFieldType: String, Sendable {
    case text = "S"
    case bytes = "x"
    case null = "V"
    case boolean = "t"
    case int8 = "b"
    case uint8 = "B"
    case int16 = "s"
    /// As the standard has it, where RabbitMQ writes `s`.
    case standardInt16 = "U"
    case uint16 = "u"
    case int32 = "I"
    case uint32 = "i"
    case int64 = "l"
    /// As the standard has it, where RabbitMQ writes `l`.
    case standardInt64 = "L"
    /// Seconds since 1970.
    case timestamp = "T"
    case double = "d"
    case float = "f"
    case decimal = "D"
    case table = "F"
    case array = "A"
}
