public import JSON

/// A condition that selects contacts of a tenant.
///
/// Opted-out and deactivated contacts are never part of it, whatever the filter says: the translation to SQL excludes
/// them.
public indirect enum AudienceFilter: Hashable, Sendable {
    /// The operator that joins the conditions of a group.
    public enum Logic: String, Hashable, Sendable, CaseIterable {
        case and = "AND"
        case or = "OR"
    }

    /// All or any of some conditions; an empty group selects every contact, with either logic.
    case group(Logic, [AudienceFilter])
    case not(AudienceFilter)
    case condition(FilterCondition)

    /// The filter that selects the whole tenant.
    public static let everybody = AudienceFilter.group(.and, [])

    /// The filter as the API and the rows have it.
    public var json: JSONValue {
        switch self {
        case .group(let logic, let members):
            ["logic": .string(logic.rawValue), "conditions": .array(members.map(\.json))]
        case .not(let filter): ["not": filter.json]
        case .condition(let condition): condition.json
        }
    }

    /// Reads a filter from a request.
    ///
    /// - Throws: ``SpecError`` whose diagnostics name the fields, such as `conditions[0].value`.
    public init(json: JSONValue) throws(SpecError) {
        try self.init(json: json, takesAllNumbers: false)
    }

    /// Reads a filter from a row; numbers that lost digits when they were stored are taken as they are.
    ///
    /// - Throws: ``SpecError`` like ``init(json:)``.
    public init(stored json: JSONValue) throws(SpecError) {
        try self.init(json: json, takesAllNumbers: true)
    }

    private init(json: JSONValue, takesAllNumbers: Bool) throws(SpecError) {
        let sink = DiagnosticSink(file: "")
        let node = json.node
        sink.checkCharacters(node)
        let filter = FilterReader(sink: sink, takesAllNumbers: takesAllNumbers).filter(node, path: "")
        let errors = sink.diagnostics.filter { $0.severity == .error }
        guard let filter, errors.isEmpty else { throw SpecError(diagnostics: errors) }
        self = filter
    }
}

extension AudienceFilter {
    /// Returns whether every contact that the filter can select wrote within the last hours, whenever it is evaluated.
    ///
    /// Errs on the safe side: `false` if the answer depends on the contacts or the date.
    public func impliesWithin(hours: Int) -> Bool {
        let possible = selection(within: hours * 3_600).possible
        return possible.isEmpty
    }

    /// Returns the bounds of what a filter selects among the contacts outside of the last seconds.
    private func selection(within seconds: Int) -> Selection {
        switch self {
        case .condition(let condition): return condition.selection(within: seconds)
        // `not` selects exactly the contacts that its filter does not select.
        case .not(let filter):
            let inner = filter.selection(within: seconds)
            return Selection(
                possible: Outsiders.all.subtracting(inner.certain),
                certain: Outsiders.all.subtracting(inner.possible)
            )
        // An empty group selects every contact, with either logic.
        case .group(_, let members) where members.isEmpty: return Selection(possible: .all, certain: .all)
        case .group(.and, let members):
            return members.map { $0.selection(within: seconds) }.reduce(Selection(possible: .all, certain: .all)) {
                Selection(
                    possible: $0.possible.intersection($1.possible),
                    certain: $0.certain.intersection($1.certain)
                )
            }
        case .group(.or, let members):
            return members.map { $0.selection(within: seconds) }.reduce(Selection(possible: [], certain: [])) {
                Selection(possible: $0.possible.union($1.possible), certain: $0.certain.union($1.certain))
            }
        }
    }
}

/// The contacts outside of a window, in two classes that a condition treats alike.
private struct Outsiders: OptionSet {
    let rawValue: UInt8

    /// Contacts that never wrote.
    static let silent = Outsiders(rawValue: 1)
    /// Contacts that wrote, but too long ago.
    static let late = Outsiders(rawValue: 2)
    static let all: Outsiders = [.silent, .late]
}

/// Bounds of what a filter selects among the contacts outside of a window.
private struct Selection {
    /// Classes of which at least one contact may be selected.
    var possible: Outsiders
    /// Classes of which every contact is selected, whatever else is true of it.
    var certain: Outsiders
}

extension FilterCondition {
    fileprivate func selection(within seconds: Int) -> Selection {
        guard field == .contact(.lastSeen) else { return Selection(possible: .all, certain: []) }
        switch check {
        case .isNull: return Selection(possible: .silent, certain: .silent)
        case .isNotNull: return Selection(possible: .late, certain: .late)
        case .compare(let comparison, let value): return value.selection(comparison, within: seconds)
        case .between(let low, let high):
            let (from, to) = (low.selection(.gte, within: seconds), high.selection(.lte, within: seconds))
            return Selection(
                possible: from.possible.intersection(to.possible),
                certain: from.certain.intersection(to.certain)
            )
        case .olderThan(let age): return FilterValue.time(.ago(seconds: age)).selection(.lt, within: seconds)
        case .newerThan(let age): return FilterValue.time(.ago(seconds: age)).selection(.gt, within: seconds)
        case .isIn(let values):
            let isOutside = values.contains { $0.isRecent(within: seconds) != true }
            return Selection(possible: isOutside ? .late : [], certain: [])
        case .isNotIn(let values):
            let areRecent = values.allSatisfy { $0.isRecent(within: seconds) == true }
            return Selection(possible: .late, certain: areRecent ? .late : [])
        // These checks do not fit a time.
        case .containsText, .startsWith, .endsWith, .hasTag, .hasAnyTag, .hasAllTags:
            return Selection(possible: .all, certain: [])
        }
    }
}

extension FilterValue {
    /// Returns whether the value always lies within the last seconds; `nil` if that changes with the day.
    fileprivate func isRecent(within seconds: Int) -> Bool? {
        guard case .time(.ago(let age)) = self else { return nil }
        return age <= seconds
    }

    /// Returns the selection of a comparison; a comparison with a missing value selects no contact.
    fileprivate func selection(_ comparison: FilterCondition.Comparison, within seconds: Int) -> Selection {
        let isRecent = isRecent(within: seconds)
        switch comparison {
        case .gt, .gte, .eq: return Selection(possible: isRecent == true ? [] : .late, certain: [])
        // A contact that wrote before the window wrote before any instant in it.
        case .lt, .lte, .neq: return Selection(possible: .late, certain: isRecent == true ? .late : [])
        }
    }
}
