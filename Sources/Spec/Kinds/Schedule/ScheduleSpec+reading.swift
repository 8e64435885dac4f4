import Calendar
internal import YAML

extension ScheduleSpec: ReadableSpec {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        reader.require("campaign")
        let campaign = reader.slug("campaign")
        let timing = Self.timing(&reader)
        reader.require("timeZone")
        let timeZone = reader.timeZone("timeZone")
        let from = reader.localTime("from")
        let until = reader.localTime("until")
        Self.checkWindow(reader, from, until)
        let maxRuns = reader.integer("maxRuns", in: 1...1_000_000_000)
        let misfire = reader.choice("misfire", of: Misfire.self)
        let misfireWindow = reader.duration("misfireWindow", upTo: SpecDuration(seconds: 7 * 86_400))
        let overlap = reader.choice("overlap", of: Overlap.self)
        let dst = reader.mapping("dst") { reader in
            DSTPolicy(gap: reader.choice("gap"), fold: reader.choice("fold"))
        }
        let isActive = reader.bool("isActive")
        // Without a zone nothing can be said about the times; what is missing was reported.
        guard let header, let timing, let timeZone else { return nil }
        self.init(
            header: header,
            campaign: campaign?.value ?? "",
            timing: timing,
            zone: timeZone.value,
            from: from?.value,
            until: until?.value,
            maxRuns: maxRuns?.value,
            misfire: misfire ?? .runOnce,
            misfireWindow: misfireWindow ?? Self.defaultMisfireWindow,
            overlap: overlap ?? .skip,
            dst: dst ?? DSTPolicy(),
            isActive: isActive ?? true
        )
    }

    private static func timing(_ reader: inout FieldReader) -> Timing? {
        let cron = reader.cron("cron")
        let at = reader.localTime("at")
        guard reader.has("at") else {
            reader.require("cron", help: "give the times as `cron`, or one time as `at`")
            return cron.map { .cron($0.value) }
        }
        if reader.exclude("cron", with: "at", label: "the one time is given here") { return nil }
        let excluded = ["from", "until", "maxRuns", "dst"].filter {
            reader.exclude($0, with: "at", label: "the one time is given here")
        }
        return excluded.isEmpty ? at.map { .at($0.value) } : nil
    }

    private static func checkWindow(
        _ reader: FieldReader,
        _ from: ReadValue<LocalDateTime>?,
        _ until: ReadValue<LocalDateTime>?
    ) {
        guard let from, let until, from.value >= until.value else { return }
        let message = "`until` is not after `from`"
        let related = Diagnostic.Related(
            place: SourcePlace(file: reader.sink.file, from.range),
            label: "it starts here"
        )
        let help = "give the window a length"
        reader.sink.report(.emptyWindow, at: until.range, field: until.field, message, help: help, related: related)
    }
}
