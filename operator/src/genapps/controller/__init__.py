"""The ears: events to keys, keys to one queue, one ``reconcile`` that lets the pure core judge and then acts."""
