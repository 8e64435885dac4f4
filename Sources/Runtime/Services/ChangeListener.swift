import Logging
package import Postgres
import ServiceLifecycle
import Store

/// Listens to Postgres and wakes the services of this daemon when a run became ready, was paused, resumed or ended, or
/// when a schedule got another time.
///
/// Its sessions show other daemons that this one lives.
///
/// A graceful shutdown ends it at once.
package struct ChangeListener: Service {
    let pool: PostgresPool
    /// The services to wake, by NOTIFY channel.
    let listeners: [String: [WakeSignal]]
    /// The daemon that is shown by the sessions.
    let presence: DaemonPresence

    package init(
        pool: PostgresPool,
        listeners: [String: [WakeSignal]],
        presence: DaemonPresence = DaemonPresence()
    ) {
        self.pool = pool
        self.listeners = listeners
        self.presence = presence
    }

    func run() async {
        let events = DaemonRepository(pool: pool).listen(to: listeners.keys.sorted(), as: presence.number) { isHeld in
            self.presence.noteSession(isHeld: isHeld)
        }
        await cancelWhenGracefulShutdown {
            for await event in events {
                let listeners =
                    switch event {
                    case .notification(let notification): self.listeners[notification.event] ?? []
                    // Notifications may have been lost meanwhile, so all services look.
                    default: self.listeners.values.flatMap { $0 }
                    }
                for listener in listeners { listener.notify() }
            }
        }
    }
}
