// The desktop's notification service (Desktop Notifications Specification 1.2), on the user's
// session bus.
//
//   SendToDesktop(notice, [&] { return stopping; });
//
// Where there is no bus, or nobody who shows notifications, nothing happens and kUnavailable says
// so. Takes no longer than a second, and ends within some 50 milliseconds once `stop` says true: a
// bus that hangs holds up nobody. Thread safe.
#ifndef RECRYPT_DAEMON_MOUNT_SESSION_BUS_H_
#define RECRYPT_DAEMON_MOUNT_SESSION_BUS_H_

#include <functional>

#include "core/base/result.h"
#include "daemon/mount/notice.h"

namespace recrypt {

Status SendToDesktop(const Notice& notice, const std::function<bool()>& stop);

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_MOUNT_SESSION_BUS_H_
