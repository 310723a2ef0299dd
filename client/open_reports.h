// OpenReports: tells services, in batches, which documents were opened under grants that they had
// given before: from a lease, or after a prefetch.
//
//   reports.Note({domain, udf, kid}, header.uid, header.digest);
//   reports.Stop();   // what has not been told is written down, and told by the next process
//
// Openings of one document are counted together. What cannot be told, since the service does not
// answer, is kept in a journal, marked as opened offline, and told later. Memory and journal are
// bounded; what exceeds them is dropped. Thread safe.
#ifndef RECRYPT_CLIENT_OPEN_REPORTS_H_
#define RECRYPT_CLIENT_OPEN_REPORTS_H_

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/service_client.h"
#include "core/base/clock.h"

namespace recrypt {

// The grant that a document was opened by.
struct GrantedBy {
  std::string domain;  // of the service
  std::string udf;
  std::string kid;
  auto operator<=>(const GrantedBy&) const = default;
};

class OpenReports {
 public:
  // References outlive this object. An empty `journal`: none is kept.
  OpenReports(Services& services, const Clock& clock, std::string journal,
              std::chrono::milliseconds interval = std::chrono::seconds(30));
  ~OpenReports();

  enum class Lease { kOnline, kOffline };
  void Note(const GrantedBy& grant, ByteSpan document, ByteSpan header,
            Lease lease = Lease::kOnline);
  // Waits for no service.
  void Stop();

 private:
  struct Opening {
    GrantedBy grant;
    OpenReport report;
  };
  using Openings = std::vector<Opening>;

  void Run();
  Openings TakeNoted();
  // Those that their service did not take.
  Openings Tell(Openings openings);
  void WriteDown(Openings openings);
  Status TellJournal();
  static Json ToLine(const Opening& opening);
  static Result<Opening> FromLine(const Json& line);

  Services& services_;
  const Clock& clock_;
  const std::string journal_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;  // guards noted_, stopping_
  std::condition_variable wake_;
  std::map<std::pair<GrantedBy, Bytes>, OpenReport> noted_;  // by grant and header
  bool stopping_ = false;
  std::thread thread_;  // last: starts when all is there
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_OPEN_REPORTS_H_
