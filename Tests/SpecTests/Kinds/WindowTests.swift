import JSON
import Spec
import Testing

struct WindowTests {
    @Test(arguments: [
        ("{\"field\":\"lastSeen\",\"operator\":\"gte\",\"value\":\"-24h\"}", true),
        ("{\"field\":\"lastSeen\",\"operator\":\"gt\",\"value\":\"-1h\"}", true),
        ("{\"field\":\"lastSeen\",\"operator\":\"gt\",\"value\":\"-25h\"}", false),
        ("{\"field\":\"lastSeen\",\"operator\":\"lt\",\"value\":\"-1h\"}", false),
        ("{\"field\":\"lastSeen\",\"operator\":\"gte\",\"value\":\"2999-01-01\"}", false),
        ("{\"field\":\"lastSeen\",\"operator\":\"in\",\"value\":[\"-1h\",\"-2h\"]}", true),
        ("{\"field\":\"lastSeen\",\"operator\":\"in\",\"value\":[\"-1h\",\"-2d\"]}", false),
        ("{\"field\":\"firstSeen\",\"operator\":\"gte\",\"value\":\"-1h\"}", false),
        ("{\"conditions\":[],\"logic\":\"AND\"}", false),
        ("{\"conditions\":[],\"logic\":\"OR\"}", false),
        ("{\"not\":{\"conditions\":[]}}", true),
        // Contacts that never wrote do not match `lt` either.
        ("{\"not\":{\"field\":\"lastSeen\",\"operator\":\"lt\",\"value\":\"-24h\"}}", false),
        (
            "{\"not\":{\"logic\":\"OR\",\"conditions\":[{\"field\":\"lastSeen\",\"operator\":\"lt\",\"value\":\"-24h\"},"
                + "{\"field\":\"lastSeen\",\"operator\":\"is_null\"}]}}", true
        ),
        (
            "{\"conditions\":[{\"field\":\"tags\",\"operator\":\"contains\",\"value\":\"a\"},"
                + "{\"field\":\"lastSeen\",\"operator\":\"gte\",\"value\":\"-2h\"}]}", true
        ),
        (
            "{\"logic\":\"OR\",\"conditions\":[{\"field\":\"tags\",\"operator\":\"contains\",\"value\":\"a\"},"
                + "{\"field\":\"lastSeen\",\"operator\":\"gte\",\"value\":\"-2h\"}]}", false
        ),
    ])
    func decidesWhetherAllWroteWithinADay(text: String, expected: Bool) throws {
        #expect(try AudienceFilter(json: JSONValue(parsing: text)).impliesWithin(hours: 24) == expected)
    }

    /// Random filters, each against contacts that are evaluated one by one, as SQL would.
    @Test func neverCallsAFilterSafeThatSelectsSomebodyOutside() {
        var random = Random(state: 11)
        var safe = 0
        for _ in 0..<20_000 {
            let filter = random.filter(depth: 3)
            guard filter.impliesWithin(hours: 24) else { continue }
            safe += 1
            for hours in [nil, 24.5, 30, 47, 49, 1_000] as [Double?] {
                for name in ["a", "b", nil] {
                    #expect(!filter.selects(lastSeenHoursAgo: hours, name: name), "\(filter.json)")
                }
            }
        }
        #expect(safe > 2_000)
    }

    private static func lines(_ audience: String, message: String, type: String) -> [String] {
        Fixture.lines(Fixture.campaign(type: type, message: message, audience: audience)).filter {
            !$0.contains("C073") && !$0.contains("C074")
        }
    }

    @Test func warnsOnlyAboutFreeMessagesToMany() {
        let everybody = "{ conditions: [] }"
        let text = "{ type: text, text: { body: Hi } }"
        let expected =
            "10:18 C075 this message reaches only those who wrote within 24 hours, and the audience has others too "
            + "(send a template, or add `{ field: lastSeen, operator: gte, value: \"-24h\" }` to an `AND` group)"
        #expect(Self.lines(everybody, message: text, type: "manual") == [expected])
        #expect(Self.lines(everybody, message: text, type: "scheduled") == [expected])
        #expect(Self.lines(everybody, message: text, type: "event_triggered") == [])
        let template = "{ type: template, template: { name: a, language: { code: en } } }"
        #expect(Self.lines(everybody, message: template, type: "manual") == [])
        let recent = "{ conditions: [{ field: lastSeen, operator: gte, value: -1d }] }"
        #expect(Self.lines(recent, message: text, type: "manual") == [])
    }

    @Test func findsPlaceholdersThatNothingFills() {
        let recent = "{ conditions: [{ field: lastSeen, operator: gte, value: -1d }] }"
        let text = "{ type: text, text: { body: \"Hi {{name}} {{ context.a }} {{context.b|x}}\" } }"
        let help = "(give it a default, as in `{{context.a|…}}`, or use a field of the contact)"
        for type in ["manual", "scheduled"] {
            #expect(
                Self.lines(recent, message: text, type: type) == [
                    "10:54 C076 nothing fills `{{context.a}}` in a campaign with `type: \(type)` \(help)"
                ]
            )
        }
        #expect(Self.lines(recent, message: text, type: "event_triggered") == [])
        #expect(Self.lines(recent, message: text, type: "module_initiated") == [])
    }
}

/// A small generator with a seed.
private struct Random {
    var state: UInt64

    mutating func next(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }

    mutating func filter(depth: Int) -> AudienceFilter {
        switch depth == 0 ? 3 + next(4) : next(7) {
        case 0: return .not(filter(depth: depth - 1))
        case 1: return .group(.and, (0..<next(4)).map { _ in filter(depth: depth - 1) })
        case 2: return .group(.or, (0..<next(4)).map { _ in filter(depth: depth - 1) })
        case 3: return .condition(FilterCondition(.contact(.name), .compare(.eq, .text(["a", "b"][next(2)]))))
        case 4: return .condition(FilterCondition(.contact(.lastSeen), [.isNull, .isNotNull][next(2)]))
        case 5:
            let ages = (0...next(2)).map { _ in age() }
            return .condition(FilterCondition(.contact(.lastSeen), next(2) == 0 ? .isIn(ages) : .isNotIn(ages)))
        case 6 where next(2) == 0:
            let (one, other) = (next(48) + 1, next(48) + 1)
            let check: FilterCondition.Check =
                switch next(3) {
                case 0: .olderThan(seconds: one * 3_600)
                case 1: .newerThan(seconds: one * 3_600)
                default:
                    .between(
                        .time(.ago(seconds: max(one, other) * 3_600)),
                        .time(.ago(seconds: min(one, other) * 3_600))
                    )
                }
            return .condition(FilterCondition(.contact(.lastSeen), check))
        default:
            let comparison = FilterCondition.Comparison.allCases[next(6)]
            return .condition(FilterCondition(.contact(.lastSeen), .compare(comparison, age())))
        }
    }

    private mutating func age() -> FilterValue {
        .time(.ago(seconds: [1, 23, 24, 25, 30, 48][next(6)] * 3_600))
    }
}

extension AudienceFilter {
    /// Evaluates a filter like its translation to SQL, for a contact with a name and an age of its last message.
    fileprivate func selects(lastSeenHoursAgo hours: Double?, name: String?) -> Bool {
        switch self {
        case .not(let filter): return !filter.selects(lastSeenHoursAgo: hours, name: name)
        case .group(_, let members) where members.isEmpty: return true
        case .group(.and, let members): return members.allSatisfy { $0.selects(lastSeenHoursAgo: hours, name: name) }
        case .group(.or, let members): return members.contains { $0.selects(lastSeenHoursAgo: hours, name: name) }
        case .condition(let condition):
            if case .compare(_, .text(let text)) = condition.check { return name == text }
            return condition.check.holds(hours.map { -$0 })
        }
    }
}

extension FilterCondition.Check {
    fileprivate func holds(_ time: Double?) -> Bool {
        switch self {
        case .isNull: return time == nil
        case .isNotNull: return time != nil
        case .isIn(let values): return time.map { values.map(\.hours).contains($0) } ?? false
        case .isNotIn(let values): return time.map { !values.map(\.hours).contains($0) } ?? false
        case .olderThan(let seconds): return time.map { $0 < -Double(seconds) / 3_600 } ?? false
        case .newerThan(let seconds): return time.map { $0 > -Double(seconds) / 3_600 } ?? false
        case .between(let low, let high): return time.map { $0 >= low.hours && $0 <= high.hours } ?? false
        case .compare(let comparison, let value):
            guard let time else { return false }
            return switch comparison {
            case .eq: time == value.hours
            case .neq: time != value.hours
            case .gt: time > value.hours
            case .gte: time >= value.hours
            case .lt: time < value.hours
            case .lte: time <= value.hours
            }
        default: return false
        }
    }
}

extension FilterValue {
    fileprivate var hours: Double {
        guard case .time(.ago(let seconds)) = self else { return .nan }
        return -Double(seconds) / 3_600
    }
}
