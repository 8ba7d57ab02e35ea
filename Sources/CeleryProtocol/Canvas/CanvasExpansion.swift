/// All that is to be done to send a canvas.
package struct CanvasExpansion: Sendable, Hashable {
    /// One thing to do.
    package enum Step: Sendable, Hashable {
        /// A message to send.
        case send(CanvasTask)
        /// The header of a chord whose results are nested, to be saved under its id before its first message is sent, so
        /// that the body gets them in the same shape (`GroupResult.save`).
        case saveGroup(ResultTree)
        /// A chord whose last message comes next; from here on it can end.
        case openChord(ChordOpening)
    }

    /// What is to be done, in order.
    package var steps: [Step]
    /// The results of the whole, which a client waits for; `nil` when there is nothing to send.
    package var result: ResultTree?
    /// What a running task that sends the canvas adds to its `children`, in order.
    package var children: [ResultTree]
    /// After how many steps each of the children has been sent.
    package var stepsOfChildren: [Int]

    /// The messages, in order.
    package var tasks: [CanvasTask] {
        steps.compactMap { if case .send(let task) = $0 { task } else { nil } }
    }
}
