public import CeleryProtocol

/// A task or a group with what it stands under, as nested tuples. A type of its own later.
public typealias ResultTree = JSONValue
