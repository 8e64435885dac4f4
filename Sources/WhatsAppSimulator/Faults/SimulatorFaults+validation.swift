extension SimulatorFaults {
    /// Checks every share, status and time.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for the first field outside its range.
    public func validate() throws(SimulatorError) {
        for (index, error) in errors.enumerated() {
            try Check.share(error.share, "faults.errors[\(index)].share")
            try Check.status(error.status, "faults.errors[\(index)].status")
            try Self.code(error.code, "faults.errors[\(index)].code")
        }
        try Check.share(serverErrors.share, "faults.serverErrors.share")
        try Check.that(
            (500...599).contains(serverErrors.status),
            "faults.serverErrors.status",
            "must be 500 to 599, not \(serverErrors.status)"
        )
        try Check.that(
            latency.minimumMilliseconds >= 0 && latency.minimumMilliseconds <= latency.maximumMilliseconds
                && latency.maximumMilliseconds <= 3_600_000,
            "faults.latency",
            "must go from 0 milliseconds or more up to an hour or less, the minimum first"
        )
        try Check.share(lostAnswers.share, "faults.lostAnswers.share")
        try Check.seconds(lostAnswers.silentSeconds, "faults.lostAnswers.silentSeconds")
        if let rejectEverything {
            try Check.seconds(rejectEverything.seconds, "faults.rejectEverything.seconds")
            try Check.status(rejectEverything.status, "faults.rejectEverything.status")
            try Self.code(rejectEverything.code, "faults.rejectEverything.code")
        }
        try webhooks.validate()
        try Self.recipients(recipientErrors, "faults.recipientErrors")
        try Self.recipients(recipientFailures, "faults.recipientFailures")
    }

    private static func code(_ value: Int, _ field: String) throws(SimulatorError) {
        try Check.that((0...999_999).contains(value), field, "must be an error code from 0 to 999999, not \(value)")
    }

    private static func recipients(_ codes: [String: Int], _ field: String) throws(SimulatorError) {
        for (number, code) in codes {
            let isKnown = Recipient(to: number, requiresPlus: true) != nil
            try Check.that(isKnown, "\(field).\(number)", "is not a number like +5511999990000")
            try Self.code(code, "\(field).\(number)")
        }
    }
}

extension SimulatorFaults.WebhookFault {
    func validate() throws(SimulatorError) {
        try Check.share(droppedShare, "faults.webhooks.droppedShare")
        try Check.share(duplicatedShare, "faults.webhooks.duplicatedShare")
        try Check.share(reorderedShare, "faults.webhooks.reorderedShare")
        try Check.share(delayedShare, "faults.webhooks.delayedShare")
        try Check.seconds(delaySeconds, "faults.webhooks.delaySeconds")
    }
}
