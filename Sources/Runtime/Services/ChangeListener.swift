import Logging
package import Postgres
import ServiceLifecycle
import Store

/// Listens to Postgres and wakes the services of this daemon when a run became ready, was paused, resumed or ended, or
/// when a schedule got another time.
///
/// A graceful shutdown ends it at once.
package struct ChangeListener: Service {
    let pool: PostgresPool
    /// The services to wake, by NOTIFY channel.
    let listeners: [String: [WakeSignal]]

    package init(pool: PostgresPool, listeners: [String: [WakeSignal]]) {
        self.pool = pool
        self.listeners = listeners
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            for await event in self.pool.listen(self.listeners.keys.sorted()) {
                let listeners =
                    switch event {
                    case .notification(let notification): self.listeners[notification.channel] ?? []
                    // Notifications may have been lost meanwhile, so all services look.
                    default: self.listeners.values.flatMap { $0 }
                    }
                for listener in listeners { listener.notify() }
            }
        }
    }
}
