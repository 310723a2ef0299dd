#include "service/metrics.h"

#include <algorithm>
#include <charconv>

namespace recrypt {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// The shortest text that reads as this number, without an exponent.
std::string Number(double value) {
  char text[400];
  const auto [end, error] =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed);
  return error == std::errc() ? std::string(text, end) : "0";
}

// Where the value stands; the last place is for all others.
template <typename Table, typename Value>
size_t PlaceOf(const Table& table, const Value& value) {
  const auto found = std::find(table.begin(), table.end(), value);
  return static_cast<size_t>(std::min(found, table.end() - 1) - table.begin());
}

void Describe(std::string_view name, std::string_view type, std::string_view help,
              std::string& to) {
  to.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  to.append(name).append(" ").append(type).append("\n");
}

void Sample(std::string_view name, const std::string& labels, const std::string& value,
            std::string& to) {
  to.append(name);
  if (!labels.empty()) to.append("{").append(labels).append("}");
  to.append(" ").append(value).append("\n");
}

template <typename Count>
void Single(std::string_view name, std::string_view type, std::string_view help, Count value,
            std::string& to) {
  Describe(name, type, help, to);
  Sample(name, {}, std::to_string(value), to);
}

std::string Label(std::string_view name, std::string_view value) {
  return std::string(name).append("=\"").append(value).append("\"");
}

}  // namespace

void Histogram::Observe(std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  buckets_[static_cast<size_t>(bucket)].fetch_add(1, kRelaxed);
  nanoseconds_.fetch_add(took.count(), kRelaxed);
}

uint64_t Histogram::count() const {
  uint64_t count = 0;
  for (const auto& bucket : buckets_) count += bucket.load(kRelaxed);
  return count;
}

void Histogram::Render(std::string_view name, const std::string& labels, std::string& to) const {
  const std::string text(name);
  const std::string before = labels.empty() ? "" : labels + ",";
  uint64_t below = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    below += buckets_[i].load(kRelaxed);
    const std::string bound = i < kBounds.size() ? Number(kBounds[i]) : "+Inf";
    Sample(text + "_bucket", before + Label("le", bound), std::to_string(below), to);
  }
  const double sum = static_cast<double>(nanoseconds_.load(kRelaxed)) / 1e9;
  Sample(text + "_sum", labels, Number(sum), to);
  Sample(text + "_count", labels, std::to_string(below), to);
}

void Metrics::CountRequest(std::string_view transaction, int status,
                           std::chrono::nanoseconds took) {
  const size_t place = PlaceOf(kTransactions, transaction);
  requests_[place][PlaceOf(kStatuses, status)].fetch_add(1, kRelaxed);
  latencies_[place].Observe(took);
}

void Metrics::CountTurnedAway(int status) {
  requests_.back()[PlaceOf(kStatuses, status)].fetch_add(1, kRelaxed);
}

void Metrics::CountGrant(std::string_view reason, uint64_t how_many) {
  const std::string_view outcome = reason.empty() ? kOutcomes.front() : reason;
  grants_[PlaceOf(kOutcomes, outcome)].fetch_add(how_many, kRelaxed);
}

void Metrics::CountStoreWrite(StoreWrite outcome, std::chrono::nanoseconds took) {
  store_writes_.Observe(took);
  if (outcome == StoreWrite::kFailed) store_failures_.fetch_add(1, kRelaxed);
}

std::string Metrics::Render(const Gauges& gauges) const {
  std::string to;
  Describe("recryptd_grants_total", "counter", "Grants asked for, by what became of them.", to);
  for (size_t i = 0; i < kOutcomes.size(); ++i) {
    Sample("recryptd_grants_total", Label("outcome", kOutcomes[i]),
           std::to_string(grants_[i].load(kRelaxed)), to);
  }
  Describe("recryptd_requests_total", "counter", "Requests answered.", to);
  for (size_t i = 0; i < kTransactions.size(); ++i) {
    for (size_t j = 0; j < kStatuses.size(); ++j) {
      const uint64_t count = requests_[i][j].load(kRelaxed);
      if (count == 0) continue;  // most combinations never come
      const std::string status = kStatuses[j] == 0 ? "other" : std::to_string(kStatuses[j]);
      Sample("recryptd_requests_total",
             Label("transaction", kTransactions[i]) + "," + Label("status", status),
             std::to_string(count), to);
    }
  }
  Describe("recryptd_request_seconds", "histogram", "From a request read to its answer.", to);
  for (size_t i = 0; i < kTransactions.size(); ++i) {
    if (latencies_[i].count() == 0) continue;
    latencies_[i].Render("recryptd_request_seconds", Label("transaction", kTransactions[i]), to);
  }
  Describe("recryptd_store_write_seconds", "histogram", "Transactions of the store.", to);
  store_writes_.Render("recryptd_store_write_seconds", {}, to);
  Single("recryptd_store_write_failures_total", "counter",
         "Transactions that the store refused: nothing was granted.",
         store_failures_.load(kRelaxed), to);
  Single("recryptd_ready", "gauge", "1 when it answers requests, 0 when it does not or stops.",
         gauges.ready ? 1 : 0, to);
  Single("recryptd_connections", "gauge", "Open connections.", gauges.connections, to);
  Single("recryptd_requests_in_flight", "gauge", "Requests being answered.", gauges.requests, to);
  Describe("recryptd_wait_seconds", "gauge", "How long requests wait for a thread at present.", to);
  Sample("recryptd_wait_seconds", {}, Number(static_cast<double>(gauges.wait_millis) / 1000), to);
  Single("recryptd_writes_waiting", "gauge", "Changes that wait for the store.",
         gauges.writes_waiting, to);
  Single("recryptd_sessions", "gauge", "Sessions that have not ended.", gauges.sessions, to);
  Single("recryptd_audit_sequence", "gauge", "The number of the last audit record.",
         gauges.audit.sequence, to);
  Single("recryptd_audit_checkpoint_sequence", "gauge",
         "The number of the audit record that was signed last.", gauges.checkpoint, to);
  Single("recryptd_certificate_expires_timestamp_seconds", "gauge",
         "When the TLS certificate ends.", gauges.certificate_expires, to);
  Single("recryptd_start_timestamp_seconds", "gauge", "When the service started.", gauges.started,
         to);
  Describe("recryptd_build_info", "gauge", "The version that runs.", to);
  Sample("recryptd_build_info", Label("version", RECRYPTFS_VERSION), "1", to);
  return to;
}

}  // namespace recrypt
