"""The smallest bot with metrics. Run it: `python examples/quickstart.py`, then open the address that it prints."""

import random
import time
from contextlib import suppress

from tradmetrics import start_metrics_server, track_order


@track_order(strategy="quickstart")  # side and order_type are the parameters of that name, status is the result's
def place_order(side, order_type):
    time.sleep(random.uniform(0.01, 0.1))  # where your broker would be called
    return {"status": random.choice(["filled", "filled", "submitted", "rejected"]), "reason": "margin"}


if __name__ == "__main__":
    with suppress(KeyboardInterrupt), start_metrics_server(port=0) as server:
        print(server.url, flush=True)
        while True:
            place_order(random.choice(["buy", "sell"]), "limit")
