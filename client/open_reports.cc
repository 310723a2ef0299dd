#include "client/open_reports.h"

#include <algorithm>

#include "client/durable_file.h"
#include "core/protocol/session.h"

namespace recrypt {
namespace {

constexpr size_t kMaxNoted = 16'384;
constexpr size_t kMaxJournal = 1 << 20;

}  // namespace

OpenReports::OpenReports(Services& services, const Clock& clock, std::string journal,
                         std::chrono::milliseconds interval)
    : services_(services),
      clock_(clock),
      journal_(std::move(journal)),
      interval_(interval),
      thread_([this] { Run(); }) {}

OpenReports::~OpenReports() { Stop(); }

void OpenReports::Stop() {
  {
    const std::lock_guard guard(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  WriteDown(TakeNoted());
}

void OpenReports::Note(const GrantedBy& grant, ByteSpan document, ByteSpan header, Lease lease) {
  const std::lock_guard guard(mutex_);
  const auto key = std::pair(grant, ToBytes(header));
  const auto found = noted_.find(key);
  if (found != noted_.end()) {
    if (found->second.count < UINT32_MAX) ++found->second.count;
    found->second.offline = found->second.offline || lease == Lease::kOffline;
  } else if (noted_.size() < kMaxNoted) {
    noted_.emplace(key, OpenReport{grant.kid, ToBytes(document), ToBytes(header),
                                   clock_.NowSeconds(), 1, lease == Lease::kOffline});
  }
}

OpenReports::Openings OpenReports::TakeNoted() {
  const std::lock_guard guard(mutex_);
  Openings openings;
  for (auto& [key, report] : noted_) openings.push_back({key.first, std::move(report)});
  noted_.clear();
  return openings;
}

void OpenReports::Run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, interval_, [this] { return stopping_; })) return;
    }
    Openings left = Tell(TakeNoted());
    for (Opening& one : left) one.report.offline = true;
    if (left.empty()) (void)TellJournal();  // else the services are away: the next time
    WriteDown(std::move(left));
  }
}

OpenReports::Openings OpenReports::Tell(Openings openings) {
  Openings left;
  // By service, since they are in the order of their grants.
  for (auto from = openings.begin(); from != openings.end();) {
    const GrantedBy& first = from->grant;
    OpensRecord record;
    auto to = from;
    for (; to != openings.end() && record.opens.size() < kMaxOpensInRequest; ++to) {
      if (to->grant.domain != first.domain || to->grant.udf != first.udf) break;
      record.opens.push_back(to->report);
    }
    const auto told = services_.At(first.domain, first.udf)->SetOpens(std::move(record));
    const bool later = !told && told.error().code == ErrorCode::kUnavailable;
    // What a service refuses, it would refuse again.
    if (later) left.insert(left.end(), from, to);
    from = to;
  }
  return left;
}

void OpenReports::WriteDown(Openings openings) {
  if (openings.empty() || journal_.empty()) return;
  const auto lock = FileLock::Take(journal_ + ".lock");
  if (!lock) return;
  auto before = ReadSmallFile(journal_, kMaxJournal);
  Bytes text = before ? std::move(*before) : Bytes();
  for (const Opening& one : openings) {
    const std::string line = DumpJson(ToLine(one)) + "\n";
    if (text.size() + line.size() > kMaxJournal) break;
    Append(text, AsBytes(line));
  }
  (void)ReplaceFile(journal_, text, FileMode::kPrivate);
}

// Under the lock until all is told: another process of this user must not tell it too.
Status OpenReports::TellJournal() {
  if (journal_.empty()) return {};
  const auto there = ReadSmallFile(journal_, kMaxJournal);
  if (!there || there->empty()) return {};
  RECRYPT_ASSIGN(const FileLock lock, FileLock::Take(journal_ + ".lock"));
  RECRYPT_ASSIGN(const Bytes content, ReadSmallFile(journal_, kMaxJournal));
  Openings openings;
  for (std::string_view text = AsText(content); !text.empty();) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto json = ParseJson(text.substr(0, end));
    auto opening = json ? FromLine(*json) : Result<Opening>(Fail(json.error()));
    if (opening) openings.push_back(std::move(*opening));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::sort(openings.begin(), openings.end(),
            [](const Opening& a, const Opening& b) { return a.grant < b.grant; });
  const Openings left = Tell(std::move(openings));
  Bytes text;
  for (const Opening& one : left) Append(text, AsBytes(DumpJson(ToLine(one)) + "\n"));
  return ReplaceFile(journal_, text, FileMode::kPrivate);
}

Json OpenReports::ToLine(const Opening& opening) {
  const auto& [grant, report] = opening;
  return {{"domain", grant.domain},
          {"service", grant.udf},
          {"key", grant.kid},
          {"document", Base64UrlEncode(report.document)},
          {"header", Base64UrlEncode(report.header)},
          {"time", FormatTime(report.time)},
          {"count", report.count},
          {"offline", report.offline}};
}

Result<OpenReports::Opening> OpenReports::FromLine(const Json& line) {
  Opening opening;
  RECRYPT_ASSIGN(opening.grant.domain, GetString(line, "domain"));
  RECRYPT_ASSIGN(opening.grant.udf, GetString(line, "service"));
  RECRYPT_ASSIGN(opening.grant.kid, GetString(line, "key"));
  opening.report.key = opening.grant.kid;
  RECRYPT_ASSIGN(opening.report.document, GetBytes(line, "document"));
  RECRYPT_ASSIGN(opening.report.header, GetBytes(line, "header"));
  RECRYPT_ASSIGN(const std::string time, GetString(line, "time"));
  RECRYPT_ASSIGN(opening.report.time, ParseTime(time));
  RECRYPT_ASSIGN(const uint64_t count, GetUint(line, "count"));
  opening.report.count = static_cast<uint32_t>(std::min<uint64_t>(count, UINT32_MAX));
  RECRYPT_ASSIGN(opening.report.offline, GetBool(line, "offline"));
  return opening;
}

}  // namespace recrypt
