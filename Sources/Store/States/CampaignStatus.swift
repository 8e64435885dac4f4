public import Postgres

/// The state of a campaign; the values of `campaign_status_enum`.
///
/// The table `campaign_status_moves` holds the same moves, and a trigger in Postgres refuses all others.
public enum CampaignStatus: String, PostgresScalar, Lifecycle {
    case draft, scheduled, running, paused, completed, failed, cancelled

    public enum Event: String, LifecycleEvent {
        case schedule, scheduleFires, scheduleEnds, activate, launch, startOnce, startFails, startBySchedule
        case startByEvent, pause, quotaExhausted, tokensMissing, pauseListening, resume, resumeListening, cancel
        case cancelWithoutRun, complete, sendAgain, retry, reserved
    }

    public var meaning: String {
        switch self {
        case .draft: "It exists and was not launched; the API may change and delete it."
        case .scheduled: "It waits for its start time or for the next time of a schedule, and no run is open."
        case .running: "It has an open run, or it waits for events."
        case .paused: "Its run sends nothing, or only messages that need no quota; `statusReason` says why."
        case .completed: "Its last run is complete, and no schedule fires again."
        case .failed: "Its start failed; `statusReason` says why."
        case .cancelled: "It was stopped for good."
        }
    }

    public var exits: KeyValuePairs<Event, CampaignStatus> {
        switch self {
        case .draft:
            [
                .schedule: .scheduled, .scheduleFires: .scheduled, .activate: .running, .launch: .running,
                .startBySchedule: .running, .startByEvent: .running, .cancel: .cancelled, .reserved: .failed,
            ]
        case .scheduled:
            [
                .schedule: .scheduled, .scheduleEnds: .draft, .scheduleEnds: .completed, .launch: .running,
                .startOnce: .running, .startBySchedule: .running, .sendAgain: .running, .retry: .running,
                .startFails: .failed, .cancel: .cancelled, .cancelWithoutRun: .cancelled,
            ]
        case .running:
            [
                .startBySchedule: .running, .startByEvent: .running, .pause: .paused, .quotaExhausted: .paused,
                .tokensMissing: .paused, .pauseListening: .paused, .complete: .completed, .complete: .scheduled,
                .cancel: .cancelled, .cancelWithoutRun: .cancelled, .reserved: .failed,
            ]
        case .paused:
            [
                .startBySchedule: .running, .pause: .paused, .resume: .running, .resumeListening: .running,
                .cancel: .cancelled, .cancelWithoutRun: .cancelled, .reserved: .completed, .reserved: .failed,
            ]
        case .completed:
            [.scheduleFires: .scheduled, .startBySchedule: .running, .sendAgain: .running, .retry: .running]
        case .failed, .cancelled: [:]
        }
    }

    /// States in which a campaign takes events; a draft does as well once its trigger is active.
    static let listening: [CampaignStatus] = [.running, .paused]
}

extension CampaignStatus.Event {
    public var movers: [Mover] {
        switch self {
        case .schedule, .activate, .pauseListening, .resumeListening, .cancelWithoutRun: [.api]
        case .scheduleFires, .scheduleEnds: [.database]
        case .launch, .sendAgain, .retry: [.command, .api]
        case .startOnce, .startFails, .startBySchedule: [.scheduler]
        case .startByEvent: [.trigger]
        case .pause: [.command, .api, .launcher, .worker, .guards, .webhook]
        case .quotaExhausted: [.worker]
        case .tokensMissing: [.launcher]
        case .resume: [.command, .api, .completer, .webhook]
        case .cancel: [.command, .api, .reconcile, .launcher]
        case .complete: [.completer, .launcher]
        case .reserved: [.nothing]
        }
    }

    public var cause: String {
        switch self {
        case .schedule: "a start time or a schedule is set by request"
        case .scheduleFires: "a schedule of the campaign has a next time"
        case .scheduleEnds: "no schedule of the campaign fires again; `completed` if it ever had a run"
        case .activate: "a campaign that waits for events is launched by request"
        case .launch: "a run is opened by request"
        case .startOnce: "its start time has come"
        case .startFails: "its start time has come, and no run can be opened"
        case .startBySchedule: "a time of one of its schedules has come"
        case .startByEvent: "the first event comes, or the first one after its content changed"
        case .pause:
            "a person pauses it, every message would fail, its messages fail alike or too often, or WhatsApp stopped its "
                + "template, number or account"
        case .quotaExhausted: "its sender has used up the 24 h quota"
        case .tokensMissing: "the audience grew during the launch, and the wallet does not cover it"
        case .pauseListening: "a campaign without a run is paused"
        case .resume: "a person resumes it, quota returned, or WhatsApp approved its template again"
        case .resumeListening: "a campaign without a run is resumed"
        case .cancel: "it is cancelled together with its open run, or the launch grew beyond the tenant's policy"
        case .cancelWithoutRun: "it is cancelled and has no open run"
        case .complete:
            "its run is complete, or grew beyond the tenant's policy during the launch; `scheduled` if a schedule fires again"
        case .sendAgain: "it is sent once more by request, to its present audience"
        case .retry: "failed messages of its last run are repeated by request, in a run of their own"
        case .reserved: "allowed for later use"
        }
    }
}
