"""From a running program to recorded steps. Everything here watches; nothing here judges.

Importing this package imports torch.
"""
