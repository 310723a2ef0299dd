// DesktopNotices: tells the person at the desktop when access to a label has ended, and when a
// review that an opening waited for was decided.
//
//   DesktopNotices notices(client, *access);
//   RunMount(options, {notices.access(), …});
//
// Nothing of it holds up the mount: openings only take note, threads do the rest, and stop with the
// Access. Thread safe.
#ifndef RECRYPT_DAEMON_MOUNT_DESKTOP_NOTICES_H_
#define RECRYPT_DAEMON_MOUNT_DESKTOP_NOTICES_H_

#include "client/client.h"
#include "daemon/mount/notifier.h"
#include "daemon/mount/review_watch.h"
#include "daemon/mount/watched_access.h"

namespace recrypt {

class DesktopNotices {
 public:
  // Both outlive this object; `client` has keys. Starts threads: make it after any fork.
  DesktopNotices(Client& client, Access& access);

  // What the mount is to use instead of the other one.
  Access& access() { return watched_; }

 private:
  Notifier notifier_;
  ReviewWatch reviews_;
  WatchedAccess watched_;
};

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_MOUNT_DESKTOP_NOTICES_H_
