#include "daemon/mount/desktop_notices.h"

#include "daemon/mount/session_bus.h"

namespace recrypt {

DesktopNotices::DesktopNotices(Client& client, Access& access)
    : notifier_(client.clock(), SendToDesktop),
      reviews_(
          client.clock(), [&client](const LabelName& label) { return OwnReviews(client, label); },
          [this](const LabelName& label, const OwnReview& review, int64_t asked) {
            notifier_.Tell(ReviewDecided(label.text(), review, asked));
          }),
      watched_(access,
               {
                   .ended = [this](const std::string& labels,
                                   ErrorCode why) { notifier_.Tell(AccessEnded(labels, why)); },
                   .held = [this](const Header& header) { reviews_.Await(header); },
                   .opened = [this](const Header& header) { reviews_.Forget(header); },
                   .stopped = [this] { reviews_.Stop(); },
               }) {}

}  // namespace recrypt
